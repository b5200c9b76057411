#pragma once

#include <string>

/// FAULTS_RECORD=FILE gets a line for each call that was done, from which power.py knows what was on the
/// disk. Between tabs: the name of the call; the path, or both paths; and of a file that was written to, all
/// that is in it then, in hex.
class Record {
 public:
  Record() = default;
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  /// Until this object goes, no other thread and no other process comes as far as this: the lines are in the
  /// order of the calls.
  void begin(const char* name, const char* path, const char* other_path);
  /// The call was done; `written` is the file that it has written to, or -1.
  void done(int written) const;

 private:
  long file_ = -1;
  std::string line_;
};
