#include "cluster/report.hpp"

#include "base/hash.hpp"
#include "base/units.hpp"
#include "cluster/launcher.hpp"

#include <tasker/error.hpp>

#include <arpa/inet.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace tasker::cluster {

namespace {

constexpr std::uint32_t lost_bit = 0x100;
constexpr std::uint32_t met_bit = 0x200;
constexpr std::uint32_t left_bit = 0x400;

/// Never destroyed: the connection ends with the process.
struct Report {
  talk::Lifeline launcher;
  pid_t process;
  int rank;
  bool lost_ranks = false;
  bool left = false;
};
Report* report = nullptr;

}  // namespace

std::string LauncherAddress::to_string() const {
  std::string text;
  for (const in_addr_t address : addresses) {
    char bytes[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &address, bytes, sizeof bytes);
    if (!text.empty()) text += ',';
    text += bytes;
  }
  return text + ":" + std::to_string(ntohs(port)) + ":" + base::to_hex(secret);
}

std::optional<LauncherAddress> LauncherAddress::parse(const std::string& text) {
  const auto second = text.rfind(':');
  const auto first = second == text.npos || second == 0 ? text.npos : text.rfind(':', second - 1);
  if (first == text.npos) return std::nullopt;
  LauncherAddress parsed;
  std::istringstream list(text.substr(0, first));
  for (std::string address; std::getline(list, address, ',');)
    if (::inet_pton(AF_INET, address.c_str(), &parsed.addresses.emplace_back()) != 1) return std::nullopt;
  const auto port = base::parse_number<in_port_t>(text.substr(first + 1, second - first - 1));
  if (!port || !base::from_hex(text.substr(second + 1), parsed.secret)) return std::nullopt;
  parsed.port = htons(*port);
  return parsed;
}

std::uint32_t LastWord::to_number() const {
  return (static_cast<std::uint32_t>(exit_code) & 0xff) | (lost_ranks ? lost_bit : 0) |
         (has_met ? met_bit : 0) | (left ? left_bit : 0);
}

LastWord LastWord::from_number(std::uint32_t number) {
  return {static_cast<int>(number & 0xff), (number & lost_bit) != 0, (number & met_bit) != 0,
          (number & left_bit) != 0};
}

bool has_launcher() { return std::getenv(launcher_variable) != nullptr; }

void report_to_launcher() {
  const char* const text = std::getenv(launcher_variable);
  if (!text || report) return;
  const auto address = LauncherAddress::parse(text);
  if (!address)
    throw UsageError(std::string(launcher_variable) + "=" + text + " is no launcher's address; unset it");
  try {
    const int rank = launched_rank();
    report = new Report{
        talk::Lifeline(address->addresses, address->port, address->secret, static_cast<std::uint32_t>(rank)),
        ::getpid(), rank};
  } catch (const SystemError& error) {
    throw SystemError(std::string("tasker launch can't be reached: ") + error.what() +
                      "; it must know of other hosts, by --hosts, and no firewall may be in between");
  }
  ::on_exit([](int status, void*) { report_exit(status); }, nullptr);
}

void report_meeting() {
  if (report && report->rank != 0) report->launcher.say(LastWord{0, false, true}.to_number());
}

void set_lost_after(std::chrono::milliseconds lost_after) {
  if (report) report->launcher.set_lost_after(lost_after);
}

void report_exit(int exit_code) {
  if (report && report->process == ::getpid())
    report->launcher.say(LastWord{exit_code, report->lost_ranks, false, report->left}.to_number());
}

void report_left() {
  if (report) report->left = true;
}

void report_lost_rank() {
  if (report) report->lost_ranks = true;
}

}  // namespace tasker::cluster
