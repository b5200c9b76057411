// The parts of the archives that Boost instantiates once per archive type.
#include <tasker/detail/archive.hpp>

#include <boost/archive/detail/archive_serializer_map.hpp>
#include <boost/core/demangle.hpp>

#include <boost/archive/impl/archive_serializer_map.ipp>

namespace boost::archive::detail {
template class archive_serializer_map<tasker::detail::OutArchive>;
template class archive_serializer_map<tasker::detail::InArchive>;
}  // namespace boost::archive::detail

namespace tasker::detail {

std::string class_name(const std::type_info& type) { return boost::core::demangle(type.name()); }

}  // namespace tasker::detail
