// How the C interface says what went wrong: a number, and a message of the calling thread.
//
// Private to native/c.
#pragma once

#include <string>

#include "base/status.h"

namespace pega {

// Keeps a failure's message for pega_last_message and gives its number.
int Tell(const Status& status);
int Refuse(std::string message);  // PEGA_INVALID_ARGUMENT
// Keeps a message without a failure of the call.
void Note(const Status& status);

}  // namespace pega
