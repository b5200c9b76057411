"""No-op tasks through mpi4py.futures: mpirun -n 3 /usr/bin/python3 -m mpi4py.futures mpi4py_futures.py TASKS CHUNK"""

import sys
import time

from mpi4py.futures import MPIPoolExecutor


def same(x):
    return x


if __name__ == "__main__":
    tasks, chunk = int(sys.argv[1]), int(sys.argv[2])
    with MPIPoolExecutor() as pool:
        pool.bootup()  # waits for the workers
        args = [0.5 * i for i in range(tasks)]
        begin = time.monotonic()
        results = list(pool.map(same, args, chunksize=chunk))
        seconds = time.monotonic() - begin
    assert results == args
    print(f"seconds={seconds:.6f} rate={tasks / seconds:.6g}")
