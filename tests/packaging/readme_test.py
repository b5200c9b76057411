"""What the pages say is true: their programs and sessions run as typed, their links lead somewhere, what they name exists.

The scripts for Slurm that they show are run by tests/slurm/submit_test.py.
"""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["TASKER_BUILD"])
README = ROOT / "README.md"
# Whose blocks of code are run.
PAGES = [README, *sorted((ROOT / "examples").glob("*.md"))]
LINKED = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "src/README.md", "tests/README.md", "tests/bench/README.md"))]
DEADLINE = 300  # seconds

# What the statements that are no whole programs stand in.
AROUND = """#include <tasker/tasker.hpp>
struct Orbit { template <class Archive> void serialize(Archive&, unsigned) {} };
struct State {
  State() = default;
  explicit State(const Orbit&);
  bool finished() const;
  void advance();
  bool minute_has_passed() const;
  double result() const;
  template <class Archive> void serialize(Archive&, unsigned) {}
};
extern const std::vector<Orbit> orbits;
extern const std::vector<double> args;
extern const double k;
double fn(double);
"""

# What differs from run to run; and what the pages leave out: progress, the table of 04_ising, and what Open MPI adds.
VARIES = [(r"\d[\d.]* (ms|s|min|h)( \d+ s)?\b", "TIME"), (r"\d+ reused, \d+ to", "N reused, N to"),
          (r"computed \d+, reused \d+", "computed N, reused N"), (r"utilisation \d+ %", "utilisation N %"),
          (r"\d+ CPUs?", "N CPUs"), (r"\d+ of (?=\d+ tasks are left)", "N of "), (r" on \S+ is gone", " on HOST is gone")]
LEFT_OUT = r"tasker: \S+: \d+/\d+ done|temperature size|[\d. e-]+$|\[\S+\] PMIX|$"
OPEN_MPI = r"^-{70,}\n.*?^-{70,}\n"


def fences(page):
    return re.findall(r"^```(.*?)\n(.*?)^```", page.read_text(), re.S | re.M)


def blocks(wanted):
    return [block for page in PAGES for language, block in fences(page) if language == wanted]


def masked(text):
    lines = re.sub(OPEN_MPI, "", text, flags=re.S | re.M).splitlines()
    for what, name in VARIES:
        lines = [re.sub(what, name, line) for line in lines]
    return [line for line in lines if not re.match(LEFT_OUT, line)]


def anchors(page):
    """What leads to its headings."""
    for heading in re.findall(r"^#+ (.*)", page.read_text(), re.M):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def family(pid):
    """A process and all that it has started."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        children = []
    return [pid, *(found for child in children for found in family(int(child)))]


def is_rank(pid, number):
    return f"OMPI_COMM_WORLD_RANK={number}\0".encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


class Programs(unittest.TestCase):
    """They are built against an installation, with the README's CMakeLists.txt."""

    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        programs, statements = {}, []
        for block in blocks("cpp"):
            if "int main(" in block:
                name = re.match(r"// (\w+)\.cpp\n", block)
                programs[name[1] if name else "myjob"] = block
            else:
                statements.append(block)
        bodies = [f"void body_{i}(tasker::Tasker& tasker) {{\n{text}}}\n" for i, text in enumerate(statements)]
        (cls.work / "statements.cpp").write_text(AROUND + "".join(bodies))
        (project,) = blocks("cmake")
        for name, text in programs.items():
            (cls.work / f"{name}.cpp").write_text(text)
            if name != "myjob":
                project += f"add_executable({name} {name}.cpp)\ntarget_link_libraries({name} PRIVATE tasker::tasker)\n"
        project += "add_library(statements OBJECT statements.cpp)\ntarget_link_libraries(statements PRIVATE tasker::tasker)\n"
        (cls.work / "CMakeLists.txt").write_text(project)
        cls.run_in(cls.work, "cmake", "--install", BUILD, "--prefix", cls.work / "prefix")
        cls.run_in(cls.work, "cmake", "-G", "Ninja", "-B", "build", f"-DCMAKE_PREFIX_PATH={cls.work}/prefix")
        cls.run_in(cls.work, "cmake", "--build", "build")
        cls.programs = [cls.work / "build" / name for name in programs]

    @staticmethod
    def run_in(place, *command, env=None):
        done = subprocess.run(command, cwd=place, env=env, text=True, stdout=subprocess.PIPE, timeout=DEADLINE)
        if done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def setUp(self):
        """A place for one session, with the programs in it."""
        self.place = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        for program in self.programs:
            (self.place / program.name).symlink_to(program)
        # What a killed Open MPI leaves behind goes with the place.
        self.environment = dict(
            os.environ, PATH=f"{BUILD}/examples:{BUILD}:{os.environ['PATH']}", OMPI_MCA_orte_tmpdir_base=str(self.place),
            OMPI_MCA_btl_vader_backing_directory=str(self.place), OMPI_MCA_rmaps_base_oversubscribe="1",
            OMPI_MCA_btl_vader_single_copy_mechanism="none")
        del self.environment["TASKER_BUILD"]  # no option of Tasker's

    def test_the_first_program_prints_its_result_and_leaves_one_file(self):
        before = set(os.listdir(self.place))
        for command in ["mpirun", "-n", "3", "./myjob"], ["./myjob"]:
            self.assertEqual(self.run_in(self.place, *command, env=self.environment), "9\n")
        self.assertEqual(set(os.listdir(self.place)) - before, {"squares.dat"})

    def test_sessions_go_as_shown(self):
        for session in blocks("text"):
            self.setUp()
            for part in re.split(r"^\$ ", session, flags=re.M)[1:]:
                command, _, shown = part.partition("\n")
                with self.subTest(command):
                    if command.startswith("tasker submit "):
                        self.assert_script_is_as_shown(command)
                    else:
                        self.assert_says(command, shown)

    def assert_says(self, command, shown):
        process = subprocess.Popen(["bash", "-c", command], cwd=self.place, env=self.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            if killed := re.search(r"^Killed .*", shown, re.M):
                shown = shown[:killed.start()]
                self.until_some_is_done(command, process)
                victims = family(process.pid)
            elif lost := re.search(r"rank (\d+) on \S+ is gone", shown):
                self.until_some_is_done(command, process)
                victims = [pid for pid in family(process.pid) if is_rank(pid, lost[1])]
                self.assertEqual(len(victims), 1)
            else:
                victims = []
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            said = process.communicate(timeout=DEADLINE)[0]
        finally:
            for pid in family(process.pid) if process.poll() is None else []:
                os.kill(pid, signal.SIGKILL)
        self.assertEqual(masked(said), masked(shown))

    def until_some_is_done(self, command, process):
        """A dry run says how much is finished, also while another run computes."""
        program = re.search(r"\b\d\d_\w+( \d+)*", command)[0]
        end = time.monotonic() + DEADLINE
        while re.search(r" 0 would be reused", self.dry_run(program)):
            self.assertIsNone(process.poll(), "it ended before anything was done")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def dry_run(self, program):
        dry = {**self.environment, "TASKER_DRY_RUN": "1", "TASKER_PROGRESS": "off"}
        return self.run_in(self.place, *program.split(), env=dry)

    def assert_script_is_as_shown(self, command):
        """What it submits is tested with a Slurm in tests/slurm/submit_test.py."""
        dry = command.replace("submit", "submit --dry-run", 1)
        script = self.run_in(self.place, "bash", "-c", dry, env=self.environment)
        shown = blocks("bash")[0]
        words = lambda text: {word for line in re.findall(r"^#SBATCH (.*)", text, re.M) for word in line.split()}
        self.assertLessEqual(words(shown), words(script))
        self.assertEqual(shown.splitlines()[-1], script.splitlines()[-1].replace(f"{BUILD}/tasker", "tasker"))


class Pages(unittest.TestCase):
    def test_the_readme_can_be_read_in_ten_minutes(self):
        self.assertLessEqual(len(README.read_text().splitlines()), 170)

    def test_there_is_no_block_that_no_test_runs(self):
        begins = {"cpp": "", "cmake": "", "text": "$ ", "bash": "#!/bin/bash\n#SBATCH "}
        for page in PAGES:
            for language, block in fences(page):
                self.assertTrue(language in begins and block.startswith(begins[language]), f"{page}: {language}\n{block}")

    def test_links_lead_somewhere(self):
        for page in LINKED:
            text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.S)
            for link in re.findall(r"\]\(([^)]+)\)", text):
                if "://" in link:
                    continue
                path, _, anchor = link.partition("#")
                target = (page.parent / path) if path else page
                self.assertTrue(target.exists(), f"{page}: {link}")
                if anchor:
                    self.assertIn(anchor, list(anchors(target)), f"{page}: {link}")

    def test_the_tests_and_scripts_that_are_named_exist(self):
        for page in PAGES:
            text = page.read_text()
            for name in re.findall(r"`((?:tests|scripts)/[\w/.-]+)", text) + re.findall(r"^    (scripts/[\w-]+)", text, re.M):
                self.assertTrue((ROOT / name).exists(), f"{page}: {name}")
        tests = ROOT / "tests"
        named = re.findall(r"`([\w/.-]+(?:\.py|\.cpp|/))`", (tests / "README.md").read_text())
        self.assertGreater(len(named), 30)
        for name in named:
            found = (tests / name).exists() or (ROOT / name).exists() or any(tests.rglob(name))
            self.assertTrue(found, f"tests/README.md: {name}")

    def test_nothing_is_left_to_be_filled_in(self):
        for page in LINKED:
            self.assertNotRegex(page.read_text(), r"@[A-Z]+@", page)


if __name__ == "__main__":
    unittest.main()
