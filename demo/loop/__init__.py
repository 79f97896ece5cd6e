"""The iteration loop on handwritten digits: six rounds, against random selection."""
