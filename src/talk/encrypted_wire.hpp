#pragma once

#include "base/pipe.hpp"
#include "talk/channel.hpp"

namespace tasker::talk {

/// A socket over which both ends prove that they have the same key, and encrypt what they say. Until then
/// nothing is taken.
class EncryptedWire final : public base::Wire {
 public:
  EncryptedWire(Role role, const Key& key) : channel_(role, key) {}

  /// Whether the other end has proved that it has the key.
  bool is_open() const { return channel_.is_open(); }

  std::optional<std::size_t> send(int fd, std::span<const std::string_view> parts) override;
  bool has_unsent() const override { return !channel_.to_send().empty(); }
  std::optional<std::size_t> receive(int fd, std::span<char> bytes) override;

 private:
  bool push(int fd);

  Channel channel_;
};

}  // namespace tasker::talk
