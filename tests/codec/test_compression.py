import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from backports import zstd

from perdure.codec.compression import COMPRESSED, LARGE_BYTES, MOST_BYTES, compressed, decompressed
from perdure.errors import DecodeError

LARGE = b'{"result":"' + b"x" * LARGE_BYTES + b'"}'


def test_what_is_large_becomes_a_frame_that_any_zstd_reads() -> None:
    kept = compressed(LARGE)
    assert len(kept) < 60
    assert kept.startswith(COMPRESSED)
    assert zstd.decompress(kept) == LARGE
    assert decompressed(kept, "run_completed") == LARGE


def test_every_frame_stands_for_itself_in_every_thread() -> None:
    """One compressor makes many: none of them needs those before it."""
    frames = [compressed(LARGE + str(number).encode()) for number in range(3)]
    with ThreadPoolExecutor(4) as pool:
        frames += pool.map(lambda number: compressed(LARGE + str(number).encode()), range(3, 100))
    for number, frame in enumerate(frames):
        assert zstd.decompress(frame) == LARGE + str(number).encode()


@pytest.mark.parametrize("data", [b"{}", b"x" * LARGE_BYTES, random.Random(1).randbytes(5000)])
def test_what_is_small_or_would_not_shrink_stays(data: bytes) -> None:
    assert compressed(data) is data


def test_what_never_was_compressed_is_given_back() -> None:
    assert decompressed(LARGE, "chunk") is LARGE


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x28garbage, and more of it", "the log is damaged"),
        (compressed(LARGE)[:-3], "its compressed data is cut off, or more follows it"),
        (compressed(LARGE) + b"x", "its compressed data is cut off, or more follows it"),
        (zstd.compress(bytes(MOST_BYTES + 1)), "it becomes larger than 32 MiB: perdure writes nothing of that size"),
        (b"\x28\xb5\x2f\xfd\x00\x88\x09\x00\x00x", "the log is damaged .*too much memory"),  # a window of 2²⁷ bytes
    ],
)
def test_what_is_no_frame_of_ours_says_so(frame: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        decompressed(frame, "run_completed")
    assert caught.value.path == "run_completed"


BOMB = """
import resource
from backports import zstd
from perdure.codec.compression import decompressed
from perdure.errors import DecodeError
bomb = zstd.compress(bytes(1 << 30))
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
try:
    decompressed(bomb, "chunk")
except DecodeError:
    print("refused")
"""


def test_a_bomb_costs_no_memory() -> None:
    """A gigabyte in 32 KiB, made before there is a limit, opened under one of half of that."""
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_process_without_large_payloads_never_imports_it() -> None:
    program = "import sys, perdure; print([name for name in sys.modules if 'zstd' in name or 'cryptography' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
