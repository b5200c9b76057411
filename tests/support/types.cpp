#include "support/types.hpp"

BOOST_CLASS_EXPORT_IMPLEMENT(types::Square)
