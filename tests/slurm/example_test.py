"""Example 06: a job that has work for longer than it may last is submitted once, and finishes.

Its jobs may last a minute, and its runs end themselves after half of one here: that is waited for sooner.
"""
import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

EXAMPLES = Path(os.environ["TASKER_EXAMPLES"])


class Example(unittest.TestCase):
    def test_the_archive_is_there_at_the_end(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TASKER_")}
        in_half = {**environment, "TASKER_TIME_LIMIT": "30s"}
        with tempfile.TemporaryDirectory(prefix="tasker-") as place:
            run = subprocess.run([EXAMPLES / "06_slurm", place, "30"], env=in_half, timeout=500, capture_output=True,
                                 text=True)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            allocations = re.findall(r"205 tasks: (\d+) reused, (\d+) to compute", run.stdout)
            self.assertGreaterEqual(len(allocations), 2, run.stdout)
            self.assertEqual(allocations[0], ("0", "205"))
            self.assertGreater(int(allocations[1][0]), 0, run.stdout)
            self.assertRegex(run.stderr, r"JobState=COMPLETED Restarts=[1-9] ExitCode=0:0")
            self.assertTrue((Path(place) / "ising.dat").is_file())
            self.assertFalse((Path(place) / "ising.dat.mpi").exists())
            picture = xml.etree.ElementTree.parse(Path(place) / "timeline.svg").getroot()
            texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
            self.assertEqual(sum(text.startswith("run ") for text in texts), len(allocations), texts)
            self.assertEqual(sum(int(re.search(r": (\d+) tasks", text).group(1)) for text in texts if text.startswith("run ")),
                             205)
            self.assertTrue({"rank 1", "rank 2"} <= set(texts))
            # The same once more computes nothing: the archive is whole.
            arguments = re.search(r"04_ising (\d+ [ \d]+)", run.stderr).group(1).split()
            again = subprocess.run([EXAMPLES / "04_ising", *arguments], cwd=place, env=environment, timeout=60,
                                   capture_output=True, text=True)
            self.assertIn("205 tasks: 205 reused, 0 to compute", again.stderr)
            # mpirun passes stdout on in pieces, and may put a line of stderr between two of them.
            self.assertIn(again.stdout, re.sub(r"tasker: [^\n]*\n", "", run.stdout))


if __name__ == "__main__":
    unittest.main()
