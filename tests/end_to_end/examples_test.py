"""Each example does what it says: its output is compared with what Python or the literature knows."""
import collections
import functools
import io
import itertools
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zlib
from pathlib import Path

import numpy as np

SOURCES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = Path(os.environ["TASKER_EXAMPLES"])
WORKLIST = os.environ["TASKER_WORKLIST"]
LICENCES = Path("/usr/share/common-licenses")
DEADLINE = 120  # seconds; nothing here takes nearly as long unless it hangs

sys.path.insert(0, str(SOURCES))
import read_archive

LAUNCHERS = {"serial": [], "mpirun -n 3": ["mpirun", "-n", "3"]}


def with_each_launcher(test):
    """Calls the test with what to start the example with, each time in an empty directory."""

    @functools.wraps(test)
    def run(self):
        for name, launcher in LAUNCHERS.items():
            with self.subTest(name):
                shutil.rmtree(self.place)
                self.place.mkdir()
                test(self, launcher)

    return run


class ExampleTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="tasker-")
        self.addCleanup(holder.cleanup)
        self.base = Path(holder.name)
        self.place = self.base / "work"
        self.place.mkdir()

    def run_program(self, *command, code=0, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TASKER_", "SLURM_"))}
        clean.update(
            OMPI_ALLOW_RUN_AS_ROOT="1",
            OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
            OMPI_MCA_rmaps_base_oversubscribe="1",
            OMPI_MCA_btl_vader_single_copy_mechanism="none",
            **environment)
        done = subprocess.run(
            list(map(str, command)), cwd=self.place, env=clean, timeout=DEADLINE, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, code, done.stdout[-2000:] + done.stderr[-4000:])
        return done

    def archive(self, name):
        return read_archive.Archive(self.place / name)


class Squares(ExampleTest):
    @with_each_launcher
    def test_squares_are_printed_and_kept(self, launcher):
        expected = [x * x for x in range(10)]
        for summary in ("0 reused, 10 to compute", "10 reused, 0 to compute"):
            done = self.run_program(*launcher, PROGRAMS / "01_squares")
            self.assertEqual([float(line) for line in done.stdout.split()], expected)
            self.assertIn(summary, done.stderr)
        self.assertEqual(self.archive("squares.dat").results.tolist(), expected)
        self.assertEqual(self.archive("squares.dat").arguments.tolist(), list(range(10)))


class WordCount(ExampleTest):
    def count(self, path):
        return collections.Counter(re.findall(rb"[a-z]+", path.read_bytes().lower()))

    def table(self, directory):
        total = sum(map(self.count, self.files(directory)), collections.Counter())
        top = sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))[:20]
        return "".join(f"{count:8}  {word.decode()}\n" for word, count in top)

    def files(self, directory):
        return [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]

    @with_each_launcher
    def test_licences_are_counted_as_python_counts_them(self, launcher):
        done = self.run_program(*launcher, PROGRAMS / "02_word_count")
        self.assertEqual(done.stdout, self.table(LICENCES))
        archive = self.archive("word_count.dat")
        files = {Path(path): dict(counts) for (path, _), counts in zip(archive.arguments, archive.results)}
        self.assertEqual(set(files), set(self.files(LICENCES)))
        for path, counts in files.items():
            self.assertEqual(counts, {word.decode(): n for word, n in self.count(path).items()})

    @with_each_launcher
    def test_a_changed_file_alone_is_counted_again(self, launcher):
        texts = self.base / "texts"
        shutil.rmtree(texts, ignore_errors=True)
        (texts / "more").mkdir(parents=True)
        (texts / "empty").touch()
        (texts / "umlauts").write_bytes("Grüße, GRÜSSE; don't\n".encode() + b"\xff\0end")
        (texts / "more" / "words").write_text("alpha beta beta gamma")
        (texts / "link").symlink_to("umlauts")
        command = [*launcher, PROGRAMS / "02_word_count", texts]
        self.assertEqual(self.run_program(*command).stdout, self.table(texts))
        (texts / "more" / "words").write_text("alpha beta beta delta")
        again = self.run_program(*command)
        self.assertEqual(again.stdout, self.table(texts))
        self.assertIn("2 reused, 1 to compute", again.stderr)
        self.assertIn("3 reused, 0 to compute", self.run_program(*command).stderr)


class Mandelbrot(ExampleTest):
    def picture(self, path):
        """A PNG without filters, every checksum verified, as an array of rows of RGB."""
        data = path.read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        chunks, at = {}, 8
        while at < len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            (crc,) = struct.unpack_from(">I", data, at + 8 + size)
            self.assertEqual(crc, zlib.crc32(data[at + 4 : at + 8 + size]))
            chunks[kind] = data[at + 8 : at + 8 + size]
            at += 12 + size
        self.assertEqual(list(chunks), [b"IHDR", b"IDAT", b"IEND"])
        width, height, *form = struct.unpack(">2I5B", chunks[b"IHDR"])
        self.assertEqual(form, [8, 2, 0, 0, 0])
        rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
        self.assertFalse(rows[:, 0].any())
        return rows[:, 1:].reshape(height, width, 3)

    @with_each_launcher
    def test_the_picture_is_the_set(self, launcher):
        done = self.run_program(*launcher, PROGRAMS / "03_mandelbrot", "set.png")
        self.assertEqual(done.stdout, "set.png\n")
        picture = self.picture(self.place / "set.png")
        self.assertEqual(picture.shape, (800, 1200, 3))
        # Every 13th point in both directions, by numpy's own complex numbers.
        y, x = np.mgrid[0:800:13, 0:1200:13]
        c = (-2.5 + 3.75 * x / 1200) + 1j * (1.25 - 2.5 * y / 800)
        z, steps = np.zeros_like(c), np.full(c.shape, 2000.0)
        for step in range(2000):
            z = np.where(steps == 2000, z * z + c, 0)
            escaped = np.abs(z) > 16
            steps[escaped] = step + 1 - np.log2(np.log2(np.abs(z[escaped]) ** 2) / 8)
        phases = 1.8 * np.log(steps + 4)[..., None] + np.array([-2.6, -2.0, -1.2])
        colours = np.where(steps[..., None] == 2000, 0, 127.5 - 127.5 * np.cos(phases))
        seen = picture[::13, ::13]
        # At the rim of the set the last bit of a number decides.
        self.assertLess(np.mean(np.abs(seen - colours).max(axis=-1) > 1.01), 0.005)
        self.assertAlmostEqual(np.mean(~seen.any(axis=-1)) * 3.75 * 2.5, 1.5066, delta=0.05)  # its area


def onsager_energy(t):
    """Energy per spin of the infinite lattice (Onsager 1944); the elliptic integral by arithmetic-geometric means."""
    k = 2 * math.sinh(2 / t) / math.cosh(2 / t) ** 2
    a, b = 1.0, math.sqrt(1 - k * k)
    for _ in range(40):
        a, b = (a + b) / 2, math.sqrt(a * b)
    return -1 / math.tanh(2 / t) * (1 + (2 * math.tanh(2 / t) ** 2 - 1) / a)


def magnetisation(t):
    """Of the infinite lattice below the critical temperature (Yang 1952)."""
    return (1 - math.sinh(2 / t) ** -4) ** 0.125


class Ising(ExampleTest):
    def sweep(self, *arguments, launcher=()):
        """A row (|m|, error, energy, error) for every (size, temperature), and all that was said."""
        done = self.run_program(*launcher, PROGRAMS / "04_ising", *arguments)
        head, *lines = done.stdout.splitlines()
        self.assertEqual(head, "temperature size magnetisation error energy error")
        rows = {}
        for line in lines:
            t, size, *row = line.split()
            rows[int(size), float(t)] = tuple(map(float, row))
        return rows, done

    def assert_near(self, mean, error, exact):
        self.assertLess(abs(mean - exact), 5 * error, f"{mean} ± {error}, exactly {exact}")

    def test_a_small_lattice_is_as_counting_its_states_says(self):
        states = np.array(list(itertools.product((1, -1), repeat=16))).reshape(-1, 4, 4)
        energies = -(states * (np.roll(states, 1, 1) + np.roll(states, 1, 2))).sum((1, 2))
        magnetisations = abs(states.sum((1, 2)))
        rows, _ = self.sweep(10000, 4)
        self.assertEqual(len(rows), 41)
        deviations = []
        for (_, t), (m, m_error, e, e_error) in rows.items():
            weights = np.exp(-(energies + 32) / t)
            for mean, error, values in ((m, m_error, magnetisations), (e, e_error, energies)):
                exact = (values * weights).sum() / weights.sum() / 16
                self.assert_near(mean, error, exact)
                deviations.append((mean - exact) / error)
        # The error bars are neither too long nor too short.
        self.assertTrue(0.7 < np.std(deviations) < 1.4, np.std(deviations))

    @with_each_launcher
    def test_a_large_lattice_is_as_the_exact_solution_says(self, launcher):
        rows, _ = self.sweep(2000, 32, launcher=launcher)
        for t in (1.5, 1.75, 2):
            self.assert_near(*rows[32, t][:2], magnetisation(t))
        for t in (1.5, 1.75, 2, 3, 3.25, 3.5):
            self.assert_near(*rows[32, t][2:], onsager_energy(t))
        self.assertGreater(rows[32, 1.5][0], 0.95)
        self.assertLess(rows[32, 3.5][0], 0.1)

    def test_the_plot_shows_the_table(self):
        rows, _ = self.sweep(200, 4, 6)
        plot = xml.etree.ElementTree.parse(self.place / "ising.svg").getroot()
        texts = [text.text for text in plot.iter("{http://www.w3.org/2000/svg}text")]
        for text in ("4 × 4", "6 × 6", "critical temperature", "temperature", "|m|"):
            self.assertIn(text, texts)
        dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in plot.iter("{http://www.w3.org/2000/svg}circle")]
        left, top, right, bottom = 70, 50, 780, 500
        found = {(round(1.5 + 2 * (x - left) / (right - left), 2), round((bottom - y) / (bottom - top), 3))
                 for x, y in dots}
        for (_, t), row in rows.items():
            self.assertIn((t, round(row[0], 3)), found)
        lines = [line for line in plot.iter("{http://www.w3.org/2000/svg}line") if line.get("x1") == line.get("x2")]
        critical = left + (2 / math.log(1 + math.sqrt(2)) - 1.5) / 2 * (right - left)
        self.assertTrue(any(abs(float(line.get("x1")) - critical) < 0.01 for line in lines))

    @with_each_launcher
    def test_a_new_size_is_computed_alone(self, launcher):
        self.sweep(100, 4, launcher=launcher)
        rows, done = self.sweep(100, 6, 4, launcher=launcher)
        self.assertIn("82 tasks: 41 reused, 41 to compute", done.stderr)
        self.assertEqual(len(rows), 82)
        archive = self.archive("ising.dat")
        self.assertEqual(archive.arguments["size"].tolist(), [6] * 41 + [4] * 41)
        self.assertTrue(np.allclose(archive.results["energy"]["mean"], [row[2] for row in rows.values()], rtol=1e-5))
        (self.place / "ising.dat").unlink()
        self.assertEqual(self.sweep(100, 4, 6)[0], rows)

    @with_each_launcher
    def test_wrong_arguments_are_refused_once(self, launcher):
        for arguments in (["many"], ["19"], ["100", "2"], ["100", "4x"]):
            done = self.run_program(*launcher, PROGRAMS / "04_ising", *arguments, code=2)
            self.assertEqual(done.stderr.count("usage: "), 1, done.stderr)


class Resume(ExampleTest):
    @functools.cached_property
    def undisturbed(self):
        """Table and results of a sweep that nobody kills."""
        table = self.run_program(PROGRAMS / "04_ising", "10000", "32").stdout
        results = self.archive("ising.dat").results.tolist()
        (self.place / "ising.dat").unlink()
        return table, results

    @with_each_launcher
    def test_what_was_finished_is_not_computed_again(self, launcher):
        table, results = self.undisturbed
        scratch = self.base / "scratch"
        scratch.mkdir(exist_ok=True)
        done = self.run_program(
            PROGRAMS / "05_resume", self.place, LAUNCH=" ".join(launcher), TMPDIR=str(scratch))
        self.assertIn("kill -9 of it and all its ranks", done.stderr)
        begun = re.findall(r"(\d+) tasks: (\d+) reused, (\d+) to compute", done.stderr)
        computed, reused = map(int, re.search(r"computed (\d+), reused (\d+), failed 0", done.stderr).groups())
        self.assertEqual(begun, [("41", "0", "41"), ("41", str(reused), str(computed))])
        self.assertEqual(reused + computed, 41)
        self.assertGreaterEqual(reused, 21)
        self.assertGreater(computed, 0)
        self.assertEqual(done.stdout, table)
        self.assertEqual(self.archive("ising.dat").results.tolist(), results)
        self.assertEqual(sorted(os.listdir(self.place)), ["ising.dat", "ising.svg"])
        self.assertEqual(os.listdir(scratch), [])


class ReadArchive(ExampleTest):
    def value(self, schema, data):
        stream = io.BytesIO(data)
        value = read_archive.value(read_archive.parse(re.findall(read_archive.TOKENS, schema)), stream)
        self.assertEqual(stream.read(), b"", schema)
        return self.plain(value)

    def plain(self, value):
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, dict):
            return {name: self.plain(member) for name, member in value.items()}
        return type(value)(map(self.plain, value)) if isinstance(value, (list, tuple)) else value

    def test_every_layout_is_read(self):
        size = lambda n: struct.pack("<Q", n)
        text = lambda s: size(len(s)) + s
        for schema, data, expected in (
            ("bool", b"\1", True),
            ("i8", b"\xff", -1),
            ("u64", b"\xff" * 8, 2**64 - 1),
            ("f32", struct.pack("<f", 0.5), 0.5),
            ("str", text("größer".encode()), "größer"),
            ("path", text(b"/a/b"), "/a/b"),
            ("[i16]", size(2) + struct.pack("<2h", 3, -4), [3, -4]),
            ("[str]", size(2) + text(b"") + text(b"x"), ["", "x"]),
            ("[u8;3]", b"\1\2\3", [1, 2, 3]),
            ("[str;2]", text(b"a") + text(b"b"), ["a", "b"]),
            ("(i32,f64)", struct.pack("<id", -7, 2.5), (-7, 2.5)),
            ("(str,[u8],bool)", text(b"a") + text(b"\5") + b"\0", ("a", [5], False)),
            ("()", b"", ()),
            ("(x=f64,at=(size=i32,b=u8))", struct.pack("<diB", 0.5, -1, 2), {"x": 0.5, "at": {"size": -1, "b": 2}}),
            ("(name=str,flags=[u8;2])", text(b"a") + b"\1\2", {"name": "a", "flags": [1, 2]}),
            ("[(x=u8,y=u8)]?", b"\1" + size(2) + b"\1\2\3\4", [(1, 2), (3, 4)]),
            ("f64?", b"\0", None),
            ("f64?", b"\1" + struct.pack("<d", 1.5), 1.5),
            ("<str|u8>", b"\0" + text(b"v"), "v"),
            ("<str|u8>", b"\1\x09", 9),
            ("{str:u8}", size(2) + text(b"a") + b"\1" + text(b"b") + b"\2", [("a", 1), ("b", 2)]),
            ("{u8:u8}", size(2) + b"\1\2\3\4", [(1, 2), (3, 4)]),
            ("{u16}", size(1) + b"\1\0", [1]),
            ("[(str,u8?)?]", size(2) + b"\0" + b"\1" + text(b"k") + b"\1\4", [None, ("k", 4)]),
            ("void", b"", None),
            ("boost:Model", b"any", b"any"),
        ):
            with self.subTest(schema):
                self.assertEqual(self.value(schema, data), expected)

    def test_holes_are_none(self):
        for result in ("number", "text"):
            for name, lines in (("arguments", "a\nb\nc\n"), ("failing", "b\n"), ("nothing", "")):
                (self.place / name).write_text(lines)
            command = [WORKLIST, f"archive={result}.dat", "arguments=arguments", f"result={result}"]
            self.run_program(*command, "failing=failing", TASKER_ON_FAILURE="keep")
            self.assertEqual([value is None for value in self.archive(f"{result}.dat").results], [False, True, False])
            self.assertEqual(self.archive(f"{result}.dat").arguments, ["a", "b", "c"])
            self.run_program(*command)
            self.assertNotIn(None, list(self.archive(f"{result}.dat").results))
            self.run_program(WORKLIST, f"archive={result}-0.dat", "arguments=nothing", f"result={result}")
            self.assertEqual(list(self.archive(f"{result}-0.dat").results), [])

    def test_the_command_prints_a_line_for_each_task(self):
        self.run_program(PROGRAMS / "01_squares")
        done = self.run_program(sys.executable, SOURCES / "read_archive.py", "squares.dat")
        self.assertEqual(done.stdout, "".join(f"{i}\t{float(i)}\t{float(i * i)}\n" for i in range(10)))

    def test_another_file_is_refused(self):
        (self.place / "other").write_bytes(b"x" * 200)
        with self.assertRaisesRegex(ValueError, "is not a Tasker archive"):
            self.archive("other")


if __name__ == "__main__":
    unittest.main()
