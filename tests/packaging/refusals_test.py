"""What can't work is told by the compiler in one sentence of the library's, not in pages of somebody else's."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_LINES = 40

PROGRAM = """#include "all.hpp"
{declared}
void body(tasker::Tasker& tasker) {{
  const std::vector<int> ints{{1, 2}};
  (void)tasker.map("o.dat", {fn}, {args});
}}
"""
DECLARED = """
class Hidden {
  int hidden = 0;
};
struct View { int size; std::string_view text; };
struct Base { int b; };
struct Derived : Base { int d; };
struct BitField { int a : 3; };
struct Reference { int& a; };
struct ConstReference { int a; const int& b; };
struct Pointer { int a; double* b; };
struct Array { int a; double b[3]; };
struct Text { char text[64]; };
struct Union { union Number { int a; float b; } number; };
struct Anonymous { int a; union { int b; float c; }; };
struct Tree { int value; std::vector<Tree> children; };
struct Outer { int a; std::optional<Array> inner; };
struct Handle { int a; };
template <> inline constexpr bool tasker::plain<Handle> = false;
using Set = std::set<int, bool (*)(int, int)>;
struct Holder {
  std::map<int, double, std::function<bool(int, int)>> map;
  template <class Archive> void serialize(Archive& archive, unsigned) { archive& map; }
};
struct NoDefault {
  explicit NoDefault(int) {}
  template <class Archive> void serialize(Archive&, unsigned) {}
};
"""
NO_SERIALIZE = "has no serialize() for Boost.Serialization"
STATE = "is a container whose comparator, hash or allocator has state"
NO_DEFAULT = "give the class a default constructor"
IN_STRUCT = "a struct in an argument or result "
NO_CALL = "fn can be called neither as fn(arg) nor as fn(a, b, ...)"
NO_ARGUMENTS = "args must be a sized random-access range"

# fn, args, what is said
REFUSED = [
    ("[](int) { return Hidden(); }", "ints", NO_SERIALIZE),
    ("[](int) { return std::make_unique<Hidden>(); }", "ints", NO_SERIALIZE),
    ("[](const std::vector<Hidden>&) { return 1; }", "std::vector<std::vector<Hidden>>()", NO_SERIALIZE),
    ("[](int) { return std::vector<const char*>(); }", "ints", NO_SERIALIZE),
    ("[](int) { return View(); }", "ints", NO_SERIALIZE),
    ("[](int) { return Handle(); }", "ints", NO_SERIALIZE),
    ("[](const Derived& d) { return d.b; }", "std::vector<Derived>()", IN_STRUCT + "has a base class"),
    ("[](int) { return BitField(); }", "ints", IN_STRUCT + "has a bit-field"),
    ("[](int& i) { return Reference{i}; }", "ints", IN_STRUCT + "has a reference"),
    ("[](int& i) { return ConstReference{i, i}; }", "ints", IN_STRUCT + "has a reference"),
    ("[](int) { return Pointer(); }", "ints", IN_STRUCT + "has a pointer"),
    ("[](int) { return Array(); }", "ints", IN_STRUCT + "has a C array"),
    ("[](int) { return Text(); }", "ints", IN_STRUCT + "has more than 32 members, or a C array"),
    ("[](int) { return Union(); }", "ints", IN_STRUCT + "has a union"),
    ("[](int) { return Anonymous(); }", "ints", IN_STRUCT + "has a union"),
    ("[](const Tree& tree) { return tree.value; }", "std::vector<Tree>()", IN_STRUCT + "contains itself"),
    ("[](int) { return Outer(); }", "ints", IN_STRUCT + "has a C array"),
    ("[](int) { return std::vector<Outer>(); }", "ints", IN_STRUCT + "has a C array"),
    ("[](int) { return std::make_unique<Outer>(); }", "ints", IN_STRUCT + "has a C array"),
    ("[](int) { return Set(); }", "ints", STATE),
    ("[](const Set& set) { return set.size(); }", "std::vector<Set>()", STATE),
    ("[](int) { return std::vector<Set>(); }", "ints", STATE),
    ("[](int) { return Holder(); }", "ints", STATE),
    ("[](int) { return std::pmr::vector<int>(); }", "ints", STATE),
    ("[](int i) { return NoDefault(i); }", "ints", NO_DEFAULT),
    ("[](const char* text) { return *text; }", "std::vector<const char*>()", NO_CALL),
    ("[](int i) { return i; }", "std::list<int>()", NO_ARGUMENTS),
]


class Refusals(unittest.TestCase):
    def compile(self, source, *options):
        command = [os.environ["TASKER_CXX"], "-std=c++20", f"-I{ROOT}/include", *options, source]
        return subprocess.run(command, cwd=self.work, text=True, stderr=subprocess.PIPE, timeout=300)

    def test_what_cannot_be_stored_is_told_in_one_sentence(self):
        with tempfile.TemporaryDirectory() as self.work:
            work = pathlib.Path(self.work)
            (work / "all.hpp").write_text("#include <tasker/tasker.hpp>\n#include <list>\n#include <memory_resource>\n#include <set>\n")
            self.assertEqual(self.compile("all.hpp", "-x", "c++-header", "-o", "all.hpp.gch").returncode, 0)
            for fn, args, sentence in [("[](int i) { return i; }", "ints", None), *REFUSED]:
                with self.subTest(fn=fn, args=args):
                    (work / "job.cpp").write_text(PROGRAM.format(declared=DECLARED, fn=fn, args=args))
                    outcome = self.compile("job.cpp", "-fsyntax-only")
                    if sentence is None:
                        self.assertEqual(outcome.stderr, "")
                        continue
                    errors = [line for line in outcome.stderr.splitlines() if " error: " in line]
                    self.assertEqual(len(errors), 1, outcome.stderr)
                    self.assertIn(sentence, errors[0])
                    self.assertLess(len(outcome.stderr.splitlines()), MOST_LINES, outcome.stderr)


if __name__ == "__main__":
    unittest.main()
