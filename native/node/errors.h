// The one way from a Status to JavaScript: an Error whose `code` is the Status's PEGA_… word.
#pragma once

#include "base/status.h"
#include "node/napi_setup.h"

namespace pega::node {

// REQUIRES: !status.ok(); a handle scope.
napi_value ErrorOf(napi_env env, const Status& status);

// Throws it, unless an exception is pending already. Returns an empty value: `return Throw(…);`.
Napi::Value Throw(napi_env env, const Status& status);

}  // namespace pega::node
