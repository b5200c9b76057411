"""Disks that are full, read-only or not the same everywhere."""
import os
import shutil
import struct
import subprocess
import unittest

from support import *

# Bytes of one result; by hand also 3 << 30, with TMPDIR where there is room.
LARGE = int(os.environ.get("TASKER_LARGE", 40 << 20))
NAMES = [f"task {i}" for i in range(40)]

# Ranks named in $HIDE see an empty file system where the archive should be.
HIDE = """#!/bin/sh
for rank in $HIDE; do
  if [ "$OMPI_COMM_WORLD_RANK" = "$rank" ]; then
    exec unshare -m --propagation private sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$PLACE" "$@"
  fi
done
exec "$@"
"""


class Disk(WorklistTest):
    def test_a_missing_parent_directory(self):
        for ranks in (1, 3):
            outcome = self.run_map(NAMES, ranks=ranks, code=74, archive=self.place / "no" / "list.dat")
            self.assertRegex(outcome.err, r"work/no/list\.dat\.mpi: No such file")
            self.assertEqual(outcome.err.count("cannot"), 1, str(outcome))
        self.assertEqual(self.calls(), [])

    @needs_root
    def test_a_read_only_file_system(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", self.place], check=True)
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)
        for ranks in (1, 3):
            outcome = self.run_map(NAMES, ranks=ranks, code=74)
            self.assertRegex(outcome.err, r"list\.dat\.mpi: Read-only file system; choose a place")

    def test_a_directory_without_permission(self):
        self.place.chmod(0o555)
        # As root somebody else does it, who may not see where the program was built.
        program = shutil.copy(WORKLIST, self.base)
        self.base.chmod(0o777)
        (self.base / "mpi").chmod(0o777)
        wrapper = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        outcome = self.run_map(NAMES, code=74, wrapper=wrapper, program=program)
        self.assertRegex(outcome.err, r"list\.dat\.mpi: Permission denied; choose a place")

    @needs_root
    def test_a_disk_that_fills_up_loses_nothing(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.place], check=True)
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                # 5 MB of results.
                subprocess.run(["mount", "-o", "remount,size=2m", self.place], check=True)
                outcome = self.run_map(NAMES, ranks=ranks, code=74, result="large")
                self.assertRegex(outcome.err, r"No space left on device; free some space")
                self.calls()
                recorded = [line["argument"] for line in self.load(result="large").lines if line["result"] is not None]
                self.assertGreater(len(recorded), 0)
                # Room for the records, not for the archive beside them.
                subprocess.run(["mount", "-o", "remount,size=8m", self.place], check=True)
                outcome = self.run_map(NAMES, ranks=ranks, code=74, result="large")
                self.assertRegex(outcome.err, r"it needs up to \d+ bytes, there are \d+")
                self.assertEqual(self.called(), sorted(set(NAMES) - set(recorded)))
                self.assertFalse(self.archive.exists())
                subprocess.run(["mount", "-o", "remount,size=32m", self.place], check=True)
                self.run_map(NAMES, ranks=ranks, result="large")
                self.assertEqual(self.called(), [])
                self.assertEqual(archive_results(self.archive), self.serial(NAMES, result="large")[1])
                self.archive.unlink()


@needs_root
class NodeLocal(WorklistTest):
    def hidden(self, ranks):
        path = self.base / "hide"
        path.write_text(HIDE)
        path.chmod(0o755)
        return {"wrapper": [path], "env": {"HIDE": " ".join(map(str, ranks)), "PLACE": self.place}}

    def test_records_of_ranks_that_do_not_see_the_directory_travel_to_rank_0(self):
        for hidden in ([2], [1, 2, 3]):
            for result in ("text", "large"):
                with self.subTest(hidden=hidden, result=result):
                    # A rank looks for the directory for half a second; there is work left for it afterwards.
                    outcome = self.run_map(NAMES, ranks=4, result=result, sleep_us=40000, **self.hidden(hidden))
                    self.assertEqual(self.called(), sorted(NAMES))
                    self.assertEqual({line["computed_by"] for line in outcome.lines}, {1, 2, 3})
                    self.assertEqual(archive_results(self.archive), self.serial(NAMES, result=result)[1])
                    self.archive.unlink()

    def test_a_result_larger_than_any_message_travels_too(self):
        # Messages have parts of 16 MiB; what comes with a result in its message takes less than 300 bytes.
        for size in [LARGE] + [(1 << 24) + near for near in (-300, -200, -100, 0)]:
            with self.subTest(size=size):
                self.run_map(["one"], ranks=2, result="large", size=size, results="", **self.hidden([1]))
                text = b"one:0" + size * b"x"
                expected = (len(text) + 8, b"", struct.pack("<Q", len(text)) + text)
                self.assertTrue(archive_results(self.archive) == expected)
                self.archive.unlink()

    def test_such_a_rank_is_told_when_it_reads_results_and_not_before(self):
        # The first map's results are the arguments of a second one, which only rank 0 reads.
        outcome = self.run_map(NAMES, ranks=3, mode="twice", **self.hidden([2]))
        self.assertEqual(len(outcome.results), 2 * len(NAMES))
        outcome = self.run_map(NAMES, ranks=3, code=74, reads=2, **self.hidden([2]))
        self.assertRegex(outcome.err, r"rank 2: this rank can't see .*list\.dat, which rank 0 wrote")

    def test_after_a_kill_nothing_that_was_recorded_is_lost(self):
        arguments = NAMES + ["wait", "wait"]
        hidden = self.hidden([1, 2])
        run = self.start(arguments, ranks=3, sleep_us=1000, wait_for=self.base / "never", **hidden)
        run.until(lambda: len(read_lines(self.ledger)) == len(arguments), "the last tasks")
        run.until(lambda: sum(r is not None for r in self.load(archive=self.directory).results) == len(NAMES),
                   "all records with rank 0")
        run.kill()
        self.calls()
        (self.base / "now").touch()
        self.run_map(arguments, ranks=2, wait_for=self.base / "now")
        self.assertEqual(self.called(), ["wait", "wait"])

    def test_a_full_disk_under_rank_0(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.place], check=True)
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)
        outcome = self.run_map(NAMES, ranks=3, code=74, result="large", **self.hidden([1, 2]))
        self.assertRegex(outcome.err, r"No space left on device; free some space")
        self.calls()
        recorded = [line["argument"] for line in self.load(result="large").lines if line["result"] is not None]
        subprocess.run(["mount", "-o", "remount,size=32m", self.place], check=True)
        self.run_map(NAMES, ranks=3, result="large", **self.hidden([1, 2]))
        self.assertEqual(self.called(), sorted(set(NAMES) - set(recorded)))


if __name__ == "__main__":
    unittest.main()
