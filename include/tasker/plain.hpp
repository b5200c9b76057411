#pragma once

namespace tasker {

/// Arguments and results may be plain structs, or contain some:
///
///     struct Row {
///       double beta = 0;
///       int size = 0;
///       std::vector<double> series;
///     };
///
/// Such a struct is an aggregate without a base class. It has at most 32 members, and none is a bit-field, a
/// reference, a pointer, a C array or a union; it does not contain itself. Its members are stored one after
/// the other, and what they are called. With other members, or other names of members, it is another type.
///
/// A class with a `serialize` for Boost.Serialization is stored by that instead. (A private one of a final
/// class can't be seen.) Say no for any other aggregate whose members are not its value:
///
///     template <>
///     inline constexpr bool tasker::plain<Handle> = false;
///
/// Then it is stored by its `serialize`, or refused.
template <class T>
inline constexpr bool plain = true;

}  // namespace tasker
