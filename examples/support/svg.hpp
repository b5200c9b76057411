#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// Just enough of a plot to look at: linear axes, a legend, curves and points with error bars.
namespace svg {

struct Axis {
  std::string label;
  double low = 0;
  double high = 1;
  double tick = 0.5;
};

struct Point {
  double x = 0;
  double y = 0;
  double error = 0;  ///< Half the length of the bar.
};

class Plot {
 public:
  Plot(const std::string& title, Axis x, Axis y) : x_(std::move(x)), y_(std::move(y)) {
    for (double at = x_.low; at < x_.high + x_.tick / 2; at += x_.tick) {
      line(px(at), bottom, px(at), bottom + 5, "black");
      text(px(at), bottom + 20, number(at));
    }
    for (double at = y_.low; at < y_.high + y_.tick / 2; at += y_.tick) {
      line(left - 5, py(at), left, py(at), "black");
      text(left - 10, py(at) + 4, number(at), "end");
    }
    out_ << "<rect x='" << left << "' y='" << top << "' width='" << right - left << "' height='"
         << bottom - top << "' fill='none' stroke='black'/>\n";
    text((left + right) / 2, top - 20, title);
    text((left + right) / 2, bottom + 45, x_.label);
    text(left, top - 20, y_.label, "end");
  }

  /// Lines from point to point.
  void curve(const std::string& name, const std::string& colour, const std::vector<Point>& points) {
    out_ << "<polyline fill='none' stroke-width='1.5' stroke='" << colour << "' points='";
    for (const Point& p : points) out_ << px(p.x) << ',' << py(p.y) << ' ';
    out_ << "'/>\n";
    line(right - 190, legend_, right - 165, legend_, colour);
    name_entry(name);
  }
  void points(const std::string& name, const std::string& colour, const std::vector<Point>& points) {
    for (const Point& p : points) {
      line(px(p.x), py(p.y - p.error), px(p.x), py(p.y + p.error), colour);
      dot(px(p.x), py(p.y), colour);
    }
    dot(right - 177, legend_, colour);
    name_entry(name);
  }
  void vertical(const std::string& name, const std::string& colour, double x) {
    line(px(x), top, px(x), bottom, colour, "4 4");
    line(right - 190, legend_, right - 165, legend_, colour, "4 4");
    name_entry(name);
  }

  void write(const std::filesystem::path& path) const {
    std::ofstream file(path);
    file << "<svg xmlns='http://www.w3.org/2000/svg' width='800' height='560' font-family='sans-serif' "
            "font-size='13'>\n<rect width='100%' height='100%' fill='white'/>\n"
         << out_.str() << "</svg>\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
  }

 private:
  static constexpr double left = 70;
  static constexpr double right = 780;
  static constexpr double top = 50;
  static constexpr double bottom = 500;

  double px(double x) const { return left + (x - x_.low) / (x_.high - x_.low) * (right - left); }
  double py(double y) const { return bottom - (y - y_.low) / (y_.high - y_.low) * (bottom - top); }

  static std::string number(double value) {
    std::ostringstream out;
    out << std::round(value * 1e6) / 1e6;
    return out.str();
  }
  void line(double x1, double y1, double x2, double y2, const std::string& colour,
            const std::string& dashes = "none") {
    out_ << "<line x1='" << x1 << "' y1='" << y1 << "' x2='" << x2 << "' y2='" << y2 << "' stroke='" << colour
         << "' stroke-dasharray='" << dashes << "'/>\n";
  }
  void dot(double x, double y, const std::string& colour) {
    out_ << "<circle cx='" << x << "' cy='" << y << "' r='3' fill='" << colour << "'/>\n";
  }
  void text(double x, double y, const std::string& what, const std::string& anchor = "middle") {
    out_ << "<text x='" << x << "' y='" << y << "' text-anchor='" << anchor << "'>" << what << "</text>\n";
  }
  void name_entry(const std::string& name) {
    text(right - 155, legend_ + 4, name, "start");
    legend_ += 20;
  }

  Axis x_;
  Axis y_;
  std::ostringstream out_;
  double legend_ = top + 20;
};

}  // namespace svg
