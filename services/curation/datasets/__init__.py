"""The frames of datasets: what is known of them, what is found among them."""
