"""What strace saw of a server: when batches arrived, when its log was flushed, when it answered."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sluice.v1 import ingest_pb2

FLUSHES = ("fdatasync", "fsync")
CALLS = ",".join(("pwrite64", "write", *FLUSHES, "recvmsg", "sendmsg"))
BYTES_MAX = 65_536
"""How much of a message or write strace notes: more than a batch here, and what a ledger writes."""

_CALL = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. )?(?P<name>\w+)(?P<rest>.*)$")
_PART = re.compile(r'(?:iov_base=|^\(\d+<[^>]*>, )"([^"]*)"')
"""What is sent or received, in parts, or written."""

_BYTE = re.compile(r"\\x([0-9a-f]{2})")
_UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True, slots=True)
class Log:
    """What a ledger writes down before it answers: part of the file's name, and the call used."""

    name: str
    write: str


SQLITE_LOG = Log("ledger.sqlite-wal", "pwrite64")
REDIS_LOG = Log(".incr.aof", "write")


@dataclass(frozen=True, slots=True)
class AcknowledgedBatch:
    """A batch, known by a frame id that nothing else holds, and the message that answered it."""

    seq: int
    frame_id: str
    response: ingest_pb2.SubmitResponse

    @property
    def marker(self) -> bytes:
        """What is in the request, and in the pages of the log that hold the batch."""
        return self.frame_id.encode()

    @property
    def answer(self) -> bytes:
        """The answer as gRPC sends it: not compressed, its length, the message."""
        message = self.response.SerializeToString(deterministic=True)
        return struct.pack(">BI", 0, len(message)) + message


@dataclass(frozen=True, slots=True)
class Call:
    """One line of strace: a call as it begins, as it ends, or both at once."""

    name: str
    begins: bool
    ends: bool
    on_log: bool
    failed: bool
    data: bytes


def check_strace() -> None:
    """Fail, saying so, where strace is missing or may not trace."""
    try:
        command = ["strace", "true"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise AssertionError("strace is missing: `make test` installs it on Debian") from None
    assert not tried.returncode, f"strace may not trace processes here: {tried.stderr.strip()}"


@contextmanager
def attached(*pids: int, expressions: Sequence[str], to: Path = Path(os.devnull)) -> Iterator[None]:
    """Trace processes by strace's expressions, or tamper with them; what is seen goes to a file.

    Of several, the calls are in the order in which one may have led to another.
    """
    filters = [argument for expression in expressions for argument in ("-e", expression)]
    filters += [argument for pid in pids for argument in ("-p", str(pid))]
    command = ["strace", "-f", "-y", "-xx", "-s", str(BYTES_MAX), "-o", str(to)]
    tracer = subprocess.Popen([*command, *filters], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    for _ in pids:
        output = tracer.stderr.readline()
        assert "attached" in output, f"strace cannot trace the server here: {output}"
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait()
        tracer.stderr.close()


def traced(*pids: int, to: Path) -> AbstractContextManager[None]:
    """Write down what the processes ask of the system."""
    return attached(*pids, expressions=[f"trace={CALLS}"], to=to)


def not_flushed(trace: Path, acknowledged: Iterable[AcknowledgedBatch], log: Log) -> list[int]:
    """The numbers of the batches that were answered before the log of them was on the disk.

    Safe is a batch that was written to the log after its arrival, and the log flushed after that
    and before the answer. Other commits may come between, so a flush alone says nothing: it must
    have begun after the write that holds this batch. Raises AssertionError for a batch whose
    arrival or answer is not in the trace.
    """
    calls = list(_calls(trace.read_text().splitlines(), log))
    unsafe, at = [], 0
    for one in acknowledged:
        arrived = _find(calls, at, "recvmsg", one.marker)
        at = _find(calls, arrived, "sendmsg", one.answer)
        if not _flushed(calls[arrived:at], one.marker, log):
            unsafe.append(one.seq)
    return unsafe


def _flushed(calls: Iterable[Call], marker: bytes, log: Log) -> bool:
    """Whether the marker was written to the log and a flush followed, from beginning to end."""
    written = flushing = False
    for call in calls:
        if not call.on_log:
            continue
        if call.name == log.write:
            written |= marker in call.data
        elif call.name in FLUSHES and written:
            flushing |= call.begins
            if flushing and call.ends and not call.failed:
                return True
    return False


def _find(calls: list[Call], start: int, name: str, data: bytes) -> int:
    for index in range(start, len(calls)):
        if calls[index].name == name and data in calls[index].data:
            return index
    raise AssertionError(f"the trace has no {name} of {data.hex()}")


def _calls(lines: Iterable[str], log: Log) -> Iterator[Call]:
    """The calls of a trace; one that another thread's interrupted stands on two lines."""
    on_log_of: dict[str, bool] = {}
    for line in lines:
        match = _CALL.match(line)
        if match is None:
            continue
        thread, rest = match["thread"], match["rest"]
        begins = not rest.startswith(" resumed>")
        if begins:  # only then the file is named
            on_log_of[thread] = log.name in _decode(rest.split(">", 1)[0])
        yield Call(
            name=match["name"],
            begins=begins,
            ends=not rest.endswith(_UNFINISHED),
            on_log=on_log_of.get(thread, False),
            failed=" = -1 " in rest,
            data=_decode("".join(_PART.findall(rest))).encode("latin-1"),
        )


def _decode(text: str) -> str:
    return _BYTE.sub(lambda byte: chr(int(byte[1], 16)), text)
