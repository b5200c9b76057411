"""What the end-to-end tests share: runs of the worklist program with a deadline, its ledger, its files."""
import collections
import ctypes
import itertools
import json
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

WORKLIST = os.environ["TASKER_WORKLIST"]
TOOL = os.environ.get("TASKER_TOOL")
# Seconds; nothing here takes nearly as long unless it hangs, or a size was given by hand.
DEADLINE = 600 if "TASKER_LARGE" in os.environ else 120

# Ranks named in $HIDE see an empty file system where the archive should be.
HIDE = """#!/bin/sh
for rank in $HIDE; do
  if [ "$OMPI_COMM_WORLD_RANK" = "$rank" ]; then
    exec unshare -m --propagation private sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$PLACE" "$@"
  fi
done
exec "$@"
"""

needs_root = unittest.skipUnless(os.geteuid() == 0, "needs root: mounts a file system of its own")

Call = collections.namedtuple("Call", "rank attempt argument")


def with_own_mounts():
    """Whatever this process mounts from now on, nobody else sees, and it goes with this process."""
    new_mount_namespace = 0x00020000
    if ctypes.CDLL(None, use_errno=True).unshare(new_mount_namespace) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def memory_directory():
    """Where files need no disk, whose syncs would take most of the time; None if there is no such place."""
    place = "/dev/shm"
    roomy = os.access(place, os.W_OK) and shutil.disk_usage(place).free > 256 << 20
    return place if roomy and "TMPDIR" not in os.environ else None


def archive_parts(path):
    """The archive's description, and a function that returns the bytes of a section."""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert data[:8] == b"TASKERA\n", data[:8]
    offset, size = struct.unpack_from("<2Q", data, 16 + 2 * 8)
    description = json.loads(data[offset : offset + size])

    def section(name):
        part = description["sections"].get(name)
        return data[part["offset"] : part["offset"] + part["size"]] if part else b""

    return description, section


def archive_results(path):
    """The bytes of all results, with what is needed to tell them apart."""
    description, section = archive_parts(path)
    return description["result_stride"], section("result_offsets"), section("results")


def tree(path):
    """Everything below a directory: names, kinds, modes, times of change and bytes."""
    found = {}
    for place in [Path(path), *sorted(Path(path).rglob("*"))]:
        status = place.lstat()
        found[str(place)] = (status.st_mode, status.st_mtime_ns, place.read_bytes() if place.is_file() else None)
    return found


class Outcome:
    """How a run ended."""

    def __init__(self, code, out, err, lines):
        self.code, self.out, self.err, self.lines = code, out, err, lines

    @property
    def results(self):
        return [line["result"] for line in self.lines]

    def __str__(self):
        return f"exit code {self.code}\n{self.out}\n{self.err[-4000:]}"


def has_ended(pidfd, seconds):
    """Whether the process ends within that time."""
    gone = select.poll()
    gone.register(pidfd, select.POLLIN)  # readable as soon as it has
    return bool(gone.poll(max(0, seconds) * 1000))


class Run:
    """A run under way. All its processes are gone when `wait` or `kill` returns."""

    def __init__(self, command, environment, cwd, pids, results):
        self._pids = pids
        self._results = results
        self._known = {}
        self.ended = False
        self._out = tempfile.TemporaryFile("w+", dir=cwd)
        self._err = tempfile.TemporaryFile("w+", dir=cwd)
        self.process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=self._out, stderr=self._err, stdin=subprocess.DEVNULL)

    def ranks(self):
        """A pidfd for every rank that has said its process id; a pidfd never means another process."""
        for line in read_lines(self._pids):
            rank, pid = map(int, line.split())
            if rank not in self._known:
                try:
                    self._known[rank] = os.pidfd_open(pid)
                except ProcessLookupError:
                    pass
        return self._known

    def kill_rank(self, rank, number=signal.SIGKILL):
        try:
            signal.pidfd_send_signal(self.ranks()[rank], number)
        except ProcessLookupError:
            pass

    def err(self):
        """What it has said so far; it goes on to write where it is."""
        return os.pread(self._err.fileno(), 1 << 20, 0).decode()

    def rank_ended(self, rank):
        """Whether its process has."""
        gone = select.poll()
        gone.register(self.ranks()[rank], select.POLLIN)
        return bool(gone.poll(0))

    def kill(self):
        """kill -9 of everything."""
        self.process.kill()
        for rank in self.ranks():
            self.kill_rank(rank)
        return self.wait()

    def until(self, condition, what, seconds=DEADLINE):
        """Waits for the thing itself, and says what did not come."""
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"the run ended before {what}\n{self.wait()}")
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s in vain for {what}\n{self.kill()}")
            time.sleep(0.002)

    def wait(self, seconds=DEADLINE):
        self.ended = True
        end = time.monotonic() + seconds
        process = os.pidfd_open(self.process.pid) if self.process.returncode is None else None
        in_time = process is None or has_ended(process, seconds)
        if process is not None:
            os.close(process)
        code = self.process.wait() if in_time else None
        if code is None:
            self.process.kill()
            for rank in self.ranks():
                self.kill_rank(rank)
            self.process.wait()
        for rank, pidfd in self.ranks().items():
            if not has_ended(pidfd, end - time.monotonic()):
                raise AssertionError(f"rank {rank} outlived its run")
            os.close(pidfd)
        self._known = {}
        self._out.seek(0)
        self._err.seek(0)
        lines = [json.loads(line) for line in read_lines(self._results)] if self._results else []
        outcome = Outcome(code, self._out.read(), self._err.read(), lines)
        self._out.close()
        self._err.close()
        if code is None:
            raise AssertionError(f"the run did not end within {seconds} s\n{outcome}")
        return outcome


def read_lines(path):
    try:
        # What has no line end yet is still being written.
        return Path(path).read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []


class WorklistTest(unittest.TestCase):
    """Each test has a directory, and runs the program on the archive `work/list.dat` in it."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tasker-", dir=memory_directory())
        self.addCleanup(holder.cleanup)
        self.base = Path(holder.name)
        self.place = self.base / "work"
        self.place.mkdir()
        (self.base / "mpi").mkdir()
        self.archive = self.place / "list.dat"
        self.directory = self.place / "list.dat.mpi"
        self.ledger = self.base / "ledger"
        self.pids = self.base / "pids"
        self.programs = self.base / "programs"
        self.numbers = itertools.count()

    def write(self, name, lines):
        path = self.base / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def environment(self, extra):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TASKER_", "SLURM_"))}
        environment.update(
            OMPI_ALLOW_RUN_AS_ROOT="1",
            OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
            OMPI_MCA_rmaps_base_oversubscribe="1",
            OMPI_MCA_btl_vader_single_copy_mechanism="none",
            # When one rank dies the others are killed at once, not after a second's grace.
            OMPI_MCA_odls_base_sigkill_timeout="0",
            # What a killed Open MPI leaves behind goes with the test.
            OMPI_MCA_btl_vader_backing_directory=str(self.base / "mpi"),
            OMPI_MCA_orte_tmpdir_base=str(self.base / "mpi"))
        environment.update({name: str(value) for name, value in extra.items()})
        return environment

    def mount(self, options):
        """A file system in memory where the archive is to be, or other options for it."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", self.place], check=True)
        if "remount" not in options:
            self.addCleanup(subprocess.run, ["umount", "--lazy", self.place], check=True)

    def hidden(self, ranks, **env):
        """Settings for a run some of whose ranks don't see the directory; `env` is for its environment."""
        path = self.base / "hide"
        path.write_text(HIDE)
        path.chmod(0o755)
        return {"wrapper": [path], "env": {"HIDE": " ".join(map(str, ranks)), "PLACE": self.place, **env}}

    def for_user(self, user=65534, group=65534, program=WORKLIST):
        """Settings for a run of somebody without rights, who may not see where the program was built."""
        for path in (self.base, self.base / "mpi"):
            path.chmod(0o777)
        return {"program": shutil.copy(program, self.base),
                "wrapper": ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]}

    def program(self, arguments=None, program=WORKLIST, **settings):
        """The program's command line, and all of its settings.

        A test that counts on the record of a finished task while another one runs needs sleep_us=1000: results
        that stand for less than a millisecond of work may be written later.
        """
        if arguments is not None:
            self.write("arguments", arguments)
        settings = {
            "archive": self.archive, "arguments": self.base / "arguments", "ledger": self.ledger,
            "pids": self.pids, "programs": self.programs, "results": self.base / f"results.{next(self.numbers)}", **settings}
        Path(settings["pids"]).unlink(missing_ok=True)
        return [str(program), *(f"{name}={value}" for name, value in settings.items())], settings

    def start(self, arguments=None, ranks=1, env={}, wrapper=(), launch=None, launched_by=(), **settings):
        """Starts the program: under mpirun, or serially with ranks=1; with arguments for it, under tasker launch."""
        command, settings = self.program(arguments, **settings)
        command = [*map(str, wrapper), *command]
        if launch is not None:
            command = [*launched_by, TOOL, "launch", "-n", str(ranks), *launch, *command]
        elif ranks > 1:
            command = ["mpirun", "-n", str(ranks), *command]
        run = Run(command, self.environment(env), self.base, settings["pids"], settings["results"])
        self.addCleanup(lambda: run.ended or run.kill())
        return run

    def started_programs(self, run, count):
        """A pidfd for each program that tasks have started, once there are so many."""
        run.until(lambda: len(read_lines(self.programs)) == count, f"{count} programs")
        pidfds = [os.pidfd_open(int(pid)) for pid in read_lines(self.programs)]
        self.programs.unlink()
        for pidfd in pidfds:
            self.addCleanup(os.close, pidfd)
            self.addCleanup(lambda pidfd=pidfd: has_ended(pidfd, 0) or signal.pidfd_send_signal(pidfd, signal.SIGKILL))
        return pidfds

    def run_map(self, arguments=None, ranks=1, code=0, **others):
        """Runs the program to its end, which must be this exit code."""
        outcome = self.start(arguments, ranks, **others).wait()
        self.assertEqual(outcome.code, code, str(outcome))
        return outcome

    def load(self, code=0, **settings):
        outcome = self.start(mode="load", pids=self.base / "no_pids", **settings).wait()
        self.assertEqual(outcome.code, code, str(outcome))
        return outcome

    def calls(self):
        """Every call of fn since the last time this was asked."""
        calls = []
        for line in read_lines(self.ledger):
            rank, attempt, argument = line.split(" ", 2)
            calls.append(Call(int(rank), int(attempt), argument))
        self.ledger.unlink(missing_ok=True)
        return calls

    def called(self):
        return sorted(call.argument for call in self.calls())

    def serial(self, arguments, **settings):
        """Results of a serial run from nothing, and the bytes of its archive's results."""
        archive = self.base / "serial.dat"
        archive.unlink(missing_ok=True)
        outcome = self.run_map(arguments, archive=archive, ledger="", env={"TASKER_PROGRESS": "off"}, **settings)
        return outcome.results, archive_results(archive)
