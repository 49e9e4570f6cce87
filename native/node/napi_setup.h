// The one place that includes N-API, so that every file of this room sees it with the same
// settings: no C++ exceptions, and throws into an environment that is going down are swallowed, not
// fatal.
#pragma once

#define NAPI_VERSION 8
#define NAPI_DISABLE_CPP_EXCEPTIONS
#define NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS

#include <napi.h>
