"""with-slurm: what it starts goes with it, however it ends, and many go on side by side."""
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

WITH_SLURM = Path(__file__).with_name("with-slurm")
DEADLINE = 60

# A job that starts a process which leaves its session; `lines` are what the test is told.
JOB = """
echo "$SLURM_CONF" >> lines
sbatch --parsable --wrap 'setsid sleep 1000 & echo $! >> lines; echo $$ >> lines; wait' || exit 3
until [ "$(wc -l < lines)" = 3 ]; do sleep 0.05; done
echo "$(squeue -h | wc -l) job" >> lines
"""


class Lab(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tasker-")
        self.addCleanup(holder.cleanup)
        self.place = Path(holder.name)

    def start(self, script, name):
        """The process; and once the script has come so far, where its Slurm is and pidfds of the job's processes."""
        place = self.place / name
        place.mkdir()
        process = subprocess.Popen([WITH_SLURM, "bash", "-c", JOB + script], cwd=place, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: process.poll() is not None or process.terminate())
        end = time.monotonic() + DEADLINE
        lines = []
        while len(lines) < 4:
            self.assertLess(time.monotonic(), end, "no job ran")
            self.assertIsNone(process.poll(), "it ended before")
            time.sleep(0.05)
            if (place / "lines").exists():
                lines = (place / "lines").read_text().splitlines()
        self.assertEqual(lines[3], "1 job")
        return process, Path(lines[0]).parent, [os.pidfd_open(int(pid)) for pid in lines[1:3]]

    def assert_gone(self, directory, pidfds):
        self.assertFalse(directory.exists())
        for pidfd in pidfds:
            with self.assertRaises(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, 0)
            os.close(pidfd)
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.assertNotIn(str(directory).encode(), command.read_bytes(), command)
            except (FileNotFoundError, ProcessLookupError):
                pass

    def test_what_it_starts_goes_with_it(self):
        for how in "its command", signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
            process, directory, pidfds = self.start("until [ -e go ]; do sleep 0.05; done; exit 7", str(how))
            if how == "its command":
                (self.place / how / "go").touch()
            else:
                process.send_signal(how)
            out, _ = process.communicate(timeout=DEADLINE)
            self.assertEqual(process.returncode, 7 if how == "its command" else 128 + how, out)
            self.assertIn("== slurmctld.log", out)  # since it failed
            self.assert_gone(directory, pidfds)

    def test_many_go_on_side_by_side(self):
        labs = [self.start("sleep 1000", str(i)) for i in range(3)]
        for process, directory, pidfds in labs:
            process.terminate()
            process.communicate(timeout=DEADLINE)
            self.assert_gone(directory, pidfds)

    def test_wrong_usage_is_told(self):
        outcome = subprocess.run([WITH_SLURM], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("with-slurm COMMAND...", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
