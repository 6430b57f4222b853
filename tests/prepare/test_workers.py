import os
import select
import subprocess
import sys

from tests.conftest import ROOT

POOL = """
import concurrent.futures, multiprocessing, os, sys
from s3rl_jax.prepare.workers import end_with_parent
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    sys.stdin.read()
"""


def test_a_worker_ends_when_its_parent_is_killed():
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", POOL], stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
    worker = os.pidfd_open(int(process.stdout.readline()))
    assert not select.select([worker], [], [], 0)[0], "it waits for work"
    process.kill()
    process.wait()
    assert select.select([worker], [], [], 60)[0], "it is left behind"
    os.close(worker)
