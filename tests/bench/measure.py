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
PARTS = ["no_op", "efficiency", "isolation", "lost", "bytes", "returned", "maps", "memory", "wake", "store", "compile", "others"]


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
        self.known = {}

    def add(self, name, unit, run, **more):
        self.rows.append(Row(name, unit, run, **more))

    def add_twice(self, name, unit, run, **more):
        """So that the second row shows the noise."""
        self.add(name, unit, run, **more)
        self.add(f"{name}, again", unit, run, against=name, once=more.get("once", False))

    def add_ratio(self, name, unit, run, against, least=None, most=None, **more):
        """The target is one of the ratio."""
        if least:
            more |= {"target": f"ratio ≥ {least}", "met": lambda row: row.ratio() >= least}
        elif most:
            more |= {"target": f"ratio ≤ {most}", "met": lambda row: row.ratio() <= most}
        self.add(name, unit, run, against=against, **more)

    def once_a_round(self, run, *words):
        """Returns what `run(*words)` returns. Rows with figures of the same run call it once together."""
        key = (run.__name__, words)
        if key not in self.known:
            self.known[key] = run(*words)
        return self.known[key]

    def mpirun(self, ranks, program, *words, **environment):
        command = ["mpirun", "-n", str(ranks), self.programs / program, *map(str, words)]
        return figures(output_of(command, env={**os.environ, **environment}))

    # ---- no-op tasks

    def boost_loop(self, ranks, kind):
        return self.mpirun(ranks, "boost_loop_bench", kind, self.tasks)["rate"]

    def no_op(self, ranks, kind, **environment):
        return self.mpirun(ranks, "throughput_bench", self.file, "no-op", kind, self.tasks, **environment)

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
        def add(ranks, kind, least):
            hand = f"no-op, {kind}, Boost.MPI loop, -n {ranks}"
            tasker = f"no-op, {kind}, Tasker, -n {ranks}"
            self.add_twice(hand, "tasks/s", lambda: self.boost_loop(ranks, kind))
            whole = lambda: self.once_a_round(self.no_op, ranks, kind)["rate"]
            self.add_ratio(f"{tasker}, durable and merged", "tasks/s", whole, hand, least=least)
            if (ranks, kind) == (2, "double"):
                recorded = lambda: self.tasks / self.once_a_round(self.no_op, ranks, kind)["computed"]
                self.add_ratio(f"{tasker}, until the last is recorded", "tasks/s", recorded, hand, least=2 * least)
                kept = {"TASKER_ISOLATION": "process", "TASKER_CAPTURE": "none"}
                isolated = lambda: self.no_op(ranks, kind, **kept)["rate"]
                merged = f"{tasker}, durable and merged"
                self.add_ratio(f"{merged}, isolated", "tasks/s", isolated, merged, least=0.77)  # 1.3 × the time

        add(2, "double", 10)
        add(3, "double", 3)
        for kind, least in (("string", 5), ("vector", 5), ("struct", 5), ("class", 3)):
            add(2, kind, least)
        hand = "no-op, double, Boost.MPI loop, -n 3"
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
        def add(shape, mean, least):
            label = f"{mean} µs" if mean < 1000 else f"{mean // 1000} ms"
            bare = f"{label} {shape}, without a library, 2 processes"
            tasker = f"{label} {shape}, Tasker, -n 3"
            add_bare = self.add_twice if shape == "constant" else self.add
            add_bare(bare, "%", lambda: self.efficiency(0, shape, mean))
            self.add_ratio(tasker, "%", lambda: self.efficiency(3, shape, mean), bare, least=least)
            if (shape, mean) == ("constant", 1000):
                more = f"{label} {shape}, Tasker, -n 5 --oversubscribe"
                self.add_ratio(more, "%", lambda: self.efficiency(5, shape, mean), tasker, least=0.95)

        add("constant", 10, 0.95)
        add("constant", 100, 0.98)
        add("constant", 1000, 0.995)
        add("constant", 10000, 0.995)
        for mean, least in ((100, 0.98), (1000, 0.995)):
            for shape in ("exponential", "bimodal", "increasing", "decreasing"):
                add(shape, mean, least)

    # ---- isolation

    def add_isolation(self):
        tasks = round(2000 * self.seconds)
        for mean, count in ((1000, tasks), (100, 10 * tasks)):
            label = f"{mean} µs constant, Tasker, -n 3"
            run = lambda mean=mean, count=count, **env: self.mpirun(
                3, "throughput_bench", self.file, "constant", mean, count, **env)["rate"]
            self.add_twice(label, "tasks/s", run)
            isolated = lambda run=run: run(TASKER_ISOLATION="process")
            self.add_ratio(f"{label}, isolated", "tasks/s", isolated, label, least=0.985 if mean == 1000 else None)

        def figure(name):
            return lambda: self.once_a_round(self.isolated_no_op)[name]

        forked = "a fork for each task, 1 GiB resident"
        in_rank = "no-op in the rank, 1 GiB resident"
        in_child = "no-op in a kept child, 1 GiB resident"
        self.add(forked, "µs/task", figure("fork_us"))
        self.add(in_rank, "µs/task", figure("in_rank_us"))
        self.add(f"{in_rank}, again", "µs/task", lambda: self.isolated_no_op()["in_rank_us"], against=in_rank)
        self.add(in_child, "µs/task", figure("uncaptured_us"), against=in_rank)
        captured = f"{in_child}, with its output captured"
        met = lambda row: row.median() <= 1
        self.add(captured, "µs/task", figure("task_us"), against=in_rank, target="≤ 1 µs", met=met)
        self.add_ratio(f"{captured}, beside a fork", "µs/task", figure("task_us"), forked, most=0.01)

    def isolated_no_op(self):
        return figures(output_of([self.programs / "isolation_bench", str(2**30), str(self.tasks)]))

    # ---- lost ranks

    def lost(self, workers, dies):
        tasks = round(8 * 50 * self.seconds)
        tool = self.programs.parent.parent / "tasker"
        program = [self.programs / "lost_bench", self.file, str(tasks), "20000", str(dies)]
        return figures(output_of([tool, "launch", "-n", str(workers + 1), *program]))["seconds"]

    def add_lost(self):
        fewer = "20 ms waiting, tasker launch, 7 workers"
        self.add_twice(fewer, "s", lambda: self.lost(7, 0))
        killed = "20 ms waiting, tasker launch, 8 workers, one killed at its 10th task"
        self.add_ratio(killed, "s", lambda: self.lost(8, 10), fewer, most=1.05)

    # ---- size, time and memory of what surrounds the tasks

    def kept(self, *words):
        """Figures of a map that keeps its journals."""
        return self.mpirun(2, "throughput_bench", self.file, *words, TASKER_KEEP_DIRECTORY="1")

    def add_bytes(self):
        def add(what, words, figure, most):
            run = lambda: self.once_a_round(self.kept, *words)[figure]
            self.add(what, "bytes/task", run, target=f"≤ {most}", met=lambda row: row.median() <= most)

        no_op = ("no-op", "double", self.tasks)
        add("journals, no-op, double", no_op, "journal_bytes", 17)
        add("archive, no-op, double", no_op, "archive_bytes", 17)
        add("journals, tasks of 1 ms", ("constant", 1000, round(1000 * self.seconds)), "journal_bytes", 100)

    def returned(self):
        return self.mpirun(2, "throughput_bench", self.file, "no-op", "double", 5 * self.tasks)["returned"]

    def add_returned(self):
        what = f"return of a finished archive, {5e-6 * self.tasks:g} M numbers, -n 2"
        self.add_twice(what, "s", self.returned, target="≤ 0.1 s", met=lambda row: row.median() <= 0.1)

    def short_maps(self):
        return self.mpirun(3, "maps_bench", self.file, max(1, self.tasks // 2000), 100)["ms_each"]

    def add_maps(self):
        what = f"{max(1, self.tasks // 2000)} maps of 100 no-op tasks in a row, -n 3"
        self.add_twice(what, "ms each", self.short_maps, target="≤ 4 ms", met=lambda row: row.median() <= 4)

    def wake(self):
        """{"Mailbox::wait": (µs, % of CPU), …} after 4 s of silence."""
        trials = max(1, round(self.seconds))
        lines = output_of(["mpirun", "-n", "2", self.programs / "wake_bench", "wake", str(trials)]).splitlines()
        rows = [line.split() for line in lines[1:]]
        return {row[1]: (float(row[4]), float(row[8])) for row in rows}

    def add_wake(self):
        def figure(wait, which):
            return lambda: self.once_a_round(self.wake)[wait][which]

        bare = "woken after 4 s of silence, a bare datagram"
        tasker = "woken after 4 s of silence, Tasker"
        self.add(bare, "µs", figure("datagram", 0))
        self.add(f"{bare}, again", "µs", lambda: self.wake()["datagram"][0], against=bare)
        soon = lambda row: row.median() <= self.row(bare).median() + 50
        self.add(tasker, "µs", figure("Mailbox::wait", 0), against=bare, target="≤ bare + 50 µs", met=soon)
        self.add(f"{bare}, CPU while waiting", "%", figure("datagram", 1))
        idle = lambda row: row.median() <= 0.05
        self.add(f"{tasker}, CPU while waiting", "%", figure("Mailbox::wait", 1), target="≤ 0.05 %", met=idle)

    def store(self):
        """{"merge, synced": millions of tasks/s, …}"""
        command = [self.programs / "store_bench", str(5 * self.tasks), self.directory]
        # A name, then five figures.
        lines = [line.rsplit(None, 5) for line in output_of(command).splitlines()]
        return {words[0].strip(): float(words[3]) for words in lines if len(words) == 6 and words[3][0].isdigit()}

    def add_store(self):
        def figure(what):
            return lambda: self.once_a_round(self.store)[what]

        def recovery():
            return 1 / (1 / figure("scan of the journals")() + 1 / figure("matching the same list")())

        self.add(
            "recovery: journals read, arguments matched",
            "M tasks/s",
            recovery,
            target="≥ 30 M tasks/s",
            met=lambda row: row.median() >= 30,
        )
        cat = "journals: cat > copy && sync copy"
        self.add(cat, "M tasks/s", figure("cat > copy, synced"))
        self.add(f"{cat}, again", "M tasks/s", lambda: self.store()["cat > copy, synced"], against=cat)
        self.add_ratio("merge, synced", "M tasks/s", figure("merge, synced"), cat, least=0.8)

    def memory(self, arguments, tasks):
        """In MiB: the most anonymous memory, how much of it came with the map, and files without a name."""
        seen = self.mpirun(2, "memory_bench", self.file, arguments, tasks)
        mib = {name: size / 2**20 for name, size in seen.items()}
        return {"all": mib["most"], "more": mib["most"] - mib["before"], "scratch": mib["scratch"]}

    def add_memory(self):
        def add(name, arguments, tasks, figure, target="", met=None):
            run = lambda: self.once_a_round(self.memory, arguments, tasks)[figure]
            self.add(name, "MiB", run, target=target, met=met, once=True)

        base = "rank 0's anonymous memory, 10⁴ no-op tasks, arguments made by a view"
        add(base, "made", 10**4, "all")
        little = lambda row: row.median() - self.row(base).median() <= 16
        add(base.replace("10⁴", "10⁶"), "made", 10**6, "all", "≤ 16 MiB more", little)
        # Journals, the merge's table and the archive.
        need = 200 * 10**8
        if shutil.disk_usage(self.directory).free < need:
            print(f"NOT MEASURED: memory at 10⁸ tasks, which needs {need / 1e9:.0f} GB in {self.directory}", file=sys.stderr)
            return
        add(base.replace("10⁴", "10⁸"), "made", 10**8, "all", "≤ 16 MiB more", little)
        iota = "10⁸ no-op tasks of a plain iota of std::uint32_t"
        memory = f"rank 0's anonymous memory that came with the map, {iota}"
        add(memory, "iota", 10**8, "more", "≤ 8 MiB", lambda row: row.median() <= 8)
        again = lambda: self.memory("iota", 10**8)["more"]
        self.add(f"{memory}, again", "MiB", again, against=memory, once=True)
        add(f"rank 0's files without a name, {iota}", "iota", 10**8, "scratch", "≤ 1 MiB", lambda row: row.median() <= 1)

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
        tasker = "compiling a file that includes tasker.hpp"
        self.add_ratio(tasker, "s CPU", lambda: self.compile("tasker/tasker.hpp"), alone, most=2)

    # ---- all together

    def row(self, name):
        return next(row for row in self.rows if row.name == name)

    def measure(self, rounds):
        for number in range(rounds):
            self.known.clear()
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
        "--only", nargs="+", default=PARTS, help="parts, of: %(default)s"
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
