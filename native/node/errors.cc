#include "node/errors.h"

namespace pega::node {

napi_value ErrorOf(napi_env env, const Status& status) {
  napi_value code = nullptr;
  napi_value message = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env, CodeName(status.code()), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, status.message().data(), status.message().size(), &message);
  napi_create_error(env, code, message, &error);
  return error;
}

Napi::Value Throw(napi_env env, const Status& status) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw(env, ErrorOf(env, status));
  return Napi::Value();
}

}  // namespace pega::node
