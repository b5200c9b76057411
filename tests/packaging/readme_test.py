"""What the README says is true: its program runs as typed, its links lead somewhere, what it names exists."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


class Readme(unittest.TestCase):
    def test_its_program_runs_as_typed(self):
        program = re.search(r"```cpp\n(.*?)```", README, re.S).group(1)
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            (work / "myjob.cpp").write_text(program)
            (work / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.22)\nproject(myjob CXX)\n"
                "find_package(tasker CONFIG REQUIRED)\nadd_executable(myjob myjob.cpp)\n"
                "target_link_libraries(myjob PRIVATE tasker::tasker)\n")
            run = lambda *command: subprocess.run(command, cwd=work, check=True, text=True, stdout=subprocess.PIPE,
                                                  timeout=300).stdout
            run("cmake", "--install", os.environ["TASKER_BUILD"], "--prefix", work / "prefix")
            run("cmake", "-G", "Ninja", "-B", "build", f"-DCMAKE_PREFIX_PATH={work}/prefix")
            run("cmake", "--build", "build")
            self.assertEqual(run("mpirun", "--oversubscribe", "-n", "3", "build/myjob"), "9\n")
            self.assertEqual(run("build/myjob"), "9\n")
            self.assertTrue((work / "squares.dat").is_file())
            self.assertFalse((work / "squares.dat.mpi").exists())

    def test_its_links_lead_somewhere(self):
        for document in ("README.md", "CONTRIBUTING.md", "src/README.md"):
            text = re.sub(r"```.*?```|`[^`]*`", "", (ROOT / document).read_text(), flags=re.S)
            for link in re.findall(r"\]\(([^)#]+)\)", text):
                if "://" not in link:
                    self.assertTrue(((ROOT / document).parent / link).exists(), f"{document}: {link}")

    def test_the_tests_and_scripts_that_it_names_exist(self):
        named = re.findall(r"`((?:tests|scripts)/[\w/.-]+)`", README) + re.findall(r"^    (scripts/[\w-]+)", README, re.M)
        self.assertGreater(len(named), 5)
        for name in named:
            self.assertTrue((ROOT / name).exists(), name)

    def test_nothing_is_left_to_be_filled_in(self):
        self.assertNotRegex(README, r"@[A-Z]+@")


if __name__ == "__main__":
    unittest.main()
