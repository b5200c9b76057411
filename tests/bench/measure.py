"""Measures all contenders side by side and prints one Markdown table; called by tests/bench/run.

Every round runs each contender once, every other round in reverse, so that what disturbs the machine for a while
disturbs all of them. Medians are over the rounds, ratios are taken within a round.
"""

import argparse
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "include"
PYTHON = "/usr/bin/python3"  # the one that Debian's mpi4py belongs to
TIMEOUT = 600  # seconds; nothing here takes a tenth of it


@dataclass
class Row:
    """One line of the table."""

    name: str
    unit: str
    run: Callable[[], float]
    against: Optional[str] = None  # the row that `ratio` refers to
    target: str = ""
    met: Optional[Callable[["Row"], bool]] = None
    once: bool = False  # in the first round only
    values: list = field(default_factory=list)
    ratios: list = field(default_factory=list)

    def median(self):
        return statistics.median(self.values)

    def ratio(self):
        return statistics.median(self.ratios)


def output_of(command, **options):
    """Its standard output; a command that fails or hangs ends the measurement, with all its processes."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True, **options) as process:
        try:
            text, _ = process.communicate(timeout=TIMEOUT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        sys.exit(f"exit code {process.returncode} from: {' '.join(map(str, command))}")
    return text


def figures(text):
    """{"rate": 3.0} of a line "rate=3.0" """
    return {key: float(value) for key, value in (word.split("=") for word in text.split())}


class Bench:
    def __init__(self, programs, directory, tasks, seconds):
        self.programs = programs
        self.directory = directory
        self.file = directory / "results.dat"
        self.tasks = tasks
        self.seconds = seconds
        self.rows = []

    def add(self, name, unit, run, **more):
        self.rows.append(Row(name, unit, run, **more))

    def mpirun(self, ranks, program, *words, **environment):
        command = ["mpirun", "-n", str(ranks), self.programs / program, *map(str, words)]
        return figures(output_of(command, env={**os.environ, **environment}))

    # ---- no-op tasks

    def boost_loop(self, ranks):
        return self.mpirun(ranks, "boost_loop_bench", self.tasks)["rate"]

    def no_op(self, ranks):
        return self.mpirun(ranks, "throughput_bench", self.file, "no-op", self.tasks)["rate"]

    def mpi4py(self, ranks, tasks, chunk):
        script = [PYTHON, "-m", "mpi4py.futures", HERE / "mpi4py_futures.py", str(tasks), str(chunk)]
        return figures(output_of(["mpirun", "-n", str(ranks), *script]))["rate"]

    def gnu_parallel(self, tasks):
        begin = time.monotonic()
        lines = "".join(f"{i}\n" for i in range(tasks))
        subprocess.run(
            ["parallel", "-j2", "--joblog", self.directory / "joblog", "true"], input=lines, text=True, check=True
        )
        return tasks / (time.monotonic() - begin)

    def add_no_op(self):
        for ranks in (2, 3):
            hand = f"no-op, Boost.MPI loop, -n {ranks}"
            self.add(hand, "tasks/s", lambda ranks=ranks: self.boost_loop(ranks))
            self.add(f"{hand}, again", "tasks/s", lambda ranks=ranks: self.boost_loop(ranks), against=hand)
            self.add(
                f"no-op, Tasker, -n {ranks}, durable and merged",
                "tasks/s",
                lambda ranks=ranks: self.no_op(ranks),
                against=hand,
                target="ratio ≥ 3",
                met=lambda row: row.ratio() >= 3,
            )
        hand = "no-op, Boost.MPI loop, -n 3"
        for chunk in (1, 100):
            tasks = max(chunk * 10, self.tasks * chunk // 200)
            name = f"no-op, mpi4py.futures, chunksize {chunk}, -n 3"
            self.add(name, "tasks/s", lambda t=tasks, c=chunk: self.mpi4py(3, t, c), against=hand)
        self.add(
            "no-op, GNU parallel -j2, job log",
            "tasks/s",
            lambda: self.gnu_parallel(max(20, self.tasks // 4000)),
            against=hand,
        )

    # ---- tasks that last

    def efficiency(self, ranks, shape, mean):
        tasks = round(2e6 * self.seconds / mean)
        if ranks == 0:
            words = ["bare", shape, str(mean), str(tasks), "2"]
            return 100 * figures(output_of([self.programs / "throughput_bench", *words]))["efficiency"]
        # More workers than 2 share 2 cores: the bound is that of 2 workers.
        seconds = self.mpirun(ranks, "throughput_bench", self.file, shape, mean, tasks)
        return 100 * seconds["efficiency"] * (ranks - 1) / 2

    def add_efficiency(self):
        def add(shape, mean, target, least):
            label = f"{mean} µs" if mean < 1000 else f"{mean // 1000} ms"
            bare = f"{label} {shape}, without a library, 2 processes"
            tasker = f"{label} {shape}, Tasker, -n 3"
            self.add(bare, "%", lambda: self.efficiency(0, shape, mean))
            if (shape, mean) == ("constant", 1000):
                self.add(f"{bare}, again", "%", lambda: self.efficiency(0, shape, mean), against=bare)
            met = (lambda row: row.median() >= least) if least else None
            self.add(tasker, "%", lambda: self.efficiency(3, shape, mean), against=bare, target=target, met=met)
            if (shape, mean) == ("constant", 1000):
                self.add(
                    f"{label} {shape}, Tasker, -n 5 --oversubscribe",
                    "%",
                    lambda: self.efficiency(5, shape, mean),
                    against=tasker,
                    target="ratio ≥ 0.95",
                    met=lambda row: row.ratio() >= 0.95,
                )

        within = 100 / 1.05
        add("constant", 10, "", None)
        add("constant", 100, "within 5 % of the bound", within)
        add("constant", 1000, "≥ 97 %", 97)
        add("constant", 10000, "within 5 % of the bound", within)
        for mean in (100, 1000):
            for shape in ("exponential", "bimodal", "increasing", "decreasing"):
                add(shape, mean, "within 5 % of the bound", within)

    # ---- isolation

    def add_isolation(self):
        tasks = round(2000 * self.seconds)
        for mean, count in ((1000, tasks), (100, 10 * tasks)):
            label = f"{mean} µs constant, Tasker, -n 3"
            run = lambda mean=mean, count=count, **env: self.mpirun(
                3, "throughput_bench", self.file, "constant", mean, count, **env)["rate"]
            self.add(label, "tasks/s", run)
            self.add(f"{label}, again", "tasks/s", run, against=label)
            self.add(
                f"{label}, isolated",
                "tasks/s",
                lambda run=run: run(TASKER_ISOLATION="process"),
                against=label,
                target="ratio ≥ 0.98" if mean == 1000 else "",
                met=(lambda row: row.ratio() >= 0.98) if mean == 1000 else None,
            )
        forked = "a fork for each task, 1 GiB resident"
        self.add(forked, "µs/task", lambda: self.kept_and_forked()["fork_us"])
        self.add(
            "tasks in a kept child, 1 GiB resident",
            "µs/task",
            lambda: self.kept_and_forked()["task_us"],
            against=forked,
            target="ratio ≤ 0.01",
            met=lambda row: row.ratio() <= 0.01,
        )

    def kept_and_forked(self):
        return figures(output_of([self.programs / "isolation_bench", str(2**30), "100000"]))

    # ---- lost ranks

    def lost(self, workers, dies):
        tasks = round(8 * 50 * self.seconds)
        tool = self.programs.parent.parent / "tasker"
        program = [self.programs / "lost_bench", self.file, str(tasks), "20000", str(dies)]
        return figures(output_of([tool, "launch", "-n", str(workers + 1), *program]))["seconds"]

    def add_lost(self):
        fewer = "20 ms waiting, tasker launch, 7 workers"
        self.add(fewer, "s", lambda: self.lost(7, 0))
        self.add(f"{fewer}, again", "s", lambda: self.lost(7, 0), against=fewer)
        self.add(
            "20 ms waiting, tasker launch, 8 workers, one killed at its 10th task",
            "s",
            lambda: self.lost(8, 10),
            against=fewer,
            target="ratio ≤ 1.05",
            met=lambda row: row.ratio() <= 1.05,
        )

    # ---- memory, compilation

    def memory(self, tasks):
        seen = self.mpirun(2, "memory_bench", self.file, tasks)
        return seen["most"] / 2**20

    def add_memory(self):
        base = "rank 0's anonymous memory, 10⁴ no-op tasks"
        # Journals, the merge's table and the archive.
        need = 200 * 10**8
        counts = [("10⁶", 10**6), ("10⁸", 10**8)]
        if shutil.disk_usage(self.directory).free < need:
            print(f"NOT MEASURED: memory at 10⁸ tasks, which needs {need / 1e9:.0f} GB in {self.directory}", file=sys.stderr)
            counts.pop()
        self.add(base, "MiB", lambda: self.memory(10**4), once=True)
        for label, tasks in counts:
            self.add(
                base.replace("10⁴", label),
                "MiB",
                lambda tasks=tasks: self.memory(tasks),
                target="≤ 16 MiB more",
                met=lambda row: row.median() - self.row(base).median() <= 16,
                once=True,
            )

    def compile(self, *includes):
        source = self.directory / "compile.cpp"
        source.write_text("".join(f"#include <{name}>\n" for name in includes) + "int main() {}\n")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output_of(["/usr/bin/c++", "-std=c++20", "-O2", "-I", INCLUDE, "-c", source, "-o", "/dev/null"])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def add_compile(self):
        alone = "compiling a file that includes the Boost archives"
        archives = [f"boost/archive/binary_{kind}archive.hpp" for kind in "io"]
        self.add(alone, "s CPU", lambda: self.compile(*archives))
        self.add(
            "compiling a file that includes tasker.hpp",
            "s CPU",
            lambda: self.compile("tasker/tasker.hpp"),
            against=alone,
            target="ratio ≤ 2",
            met=lambda row: row.ratio() <= 2,
        )

    # ---- all together

    def row(self, name):
        return next(row for row in self.rows if row.name == name)

    def measure(self, rounds):
        for number in range(rounds):
            for row in reversed(self.rows) if number % 2 else self.rows:
                if row.once and number > 0:
                    continue
                row.values.append(row.run())
                print(f"{number + 1}/{rounds} {row.name}: {row.values[-1]:.6g} {row.unit}", file=sys.stderr, flush=True)
        for row in self.rows:
            if row.against:
                row.ratios = [mine / other for mine, other in zip(row.values, self.row(row.against).values)]

    def table(self):
        yield "| what | median | lowest – highest | ratio to | ratio: median (lowest – highest) | target | met |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for row in self.rows:
            cells = [row.name, f"{row.median():.4g} {row.unit}", f"{min(row.values):.4g} – {max(row.values):.4g}"]
            cells.append(row.against or "")
            cells.append(f"{row.ratio():.3g} ({min(row.ratios):.3g} – {max(row.ratios):.3g})" if row.ratios else "")
            cells += [row.target, "" if not row.met else "yes" if row.met(row) else "**no**"]
            yield f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=2_000_000, help="no-op tasks of one run")
    parser.add_argument("--seconds", type=float, default=3, help="length of one run of tasks that last")
    parser.add_argument("--directory", type=Path, help="where files go: 20 GB for memory; default: a temporary one")
    parser.add_argument(
        "--only", nargs="+", default=["no_op", "efficiency", "isolation", "lost", "memory", "compile", "others"], help="parts, of: %(default)s"
    )
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=words.directory, prefix="tasker-bench.") as directory:
        bench = Bench(words.programs.resolve(), Path(directory), words.tasks, words.seconds)
        for part in words.only:
            if part != "others":
                getattr(bench, f"add_{part}")()
        bench.measure(words.rounds)
        print(f"{words.rounds} rounds, {os.cpu_count()} CPUs, {platform.machine()}, load at the end {os.getloadavg()[0]:.1f}\n")
        print("\n".join(bench.table()))
        if "others" in words.only:
            for title, command in (
                ("Waiting: latency and CPU time", [HERE / "wake", bench.programs / "wake_bench"]),
                ("The store: append, scan, merge", [bench.programs / "store_bench", "10000000", directory]),
            ):
                print(f"\n{title}\n\n```\n{output_of(command).rstrip()}\n```")


if __name__ == "__main__":
    main()
