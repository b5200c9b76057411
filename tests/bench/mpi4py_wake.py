"""How fast an idle worker of mpi4py.futures wakes, and what its waiting costs, in the rows of wake.cpp:
mpirun -n 2 /usr/bin/python3 -m mpi4py.futures mpi4py_wake.py LABEL"""

import sys
import time

from mpi4py.futures import MPIPoolExecutor

SERIES = [(0.01, 200), (0.1, 30), (1, 5), (4, 3)]  # seconds of silence, trials


def clocks():
    """Of the worker: all processes of this machine share the monotonic one."""
    return time.monotonic(), time.process_time()


if __name__ == "__main__":
    with MPIPoolExecutor() as pool:
        pool.bootup()  # waits for the worker
        for silence, trials in SERIES:
            latencies = []
            first_wall, first_cpu = pool.submit(clocks).result()
            for _ in range(trials):
                time.sleep(silence)
                sent = time.monotonic()
                wall, cpu = pool.submit(clocks).result()
                latencies.append(wall - sent)
            latencies.sort()
            share = (cpu - first_cpu) / (wall - first_wall)
            print(
                f"{sys.argv[1]:<14} {'mpi4py.futures':<14} {silence:8.2f} s {1e6 * latencies[trials // 2]:10.0f} us"
                f" {1e6 * latencies[trials * 9 // 10]:10.0f} us {100 * share:10.3f} %"
            )
