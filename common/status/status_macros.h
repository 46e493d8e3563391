// Early-return helpers for absl::Status and absl::StatusOr, with the meaning
// that upstream Abseil's later macros have.
//
//   BANGER_RETURN_IF_ERROR(Mount(image));
//   BANGER_ASSIGN_OR_RETURN(const Kernel kernel, store.Find(name));
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define BANGER_RETURN_IF_ERROR(expr) \
  if (absl::Status banger_status = (expr); !banger_status.ok()) return banger_status

#define BANGER_ASSIGN_OR_RETURN(lhs, expr) \
  BANGER_ASSIGN_OR_RETURN_(BANGER_CONCAT_(banger_result_, __LINE__), lhs, expr)

#define BANGER_ASSIGN_OR_RETURN_(result, lhs, expr)    \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)

#define BANGER_CONCAT_(a, b) BANGER_CONCAT_INNER_(a, b)
#define BANGER_CONCAT_INNER_(a, b) a##b
