// ldns without its macros `bool`, `true` and `false`, which it makes unless
// stdbool.h says that there is no need.
#pragma once

#include <stdbool.h>

#include <ldns/ldns.h>
