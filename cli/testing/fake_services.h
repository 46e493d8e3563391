// The services of a fake gateway, one file each.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/testing/fake_state.h"

namespace banger::cli {

std::unique_ptr<grpc::Service> MakeFakeKernels(FakeState& state);
std::unique_ptr<grpc::Service> MakeFakeImages(FakeState& state);
std::unique_ptr<grpc::Service> MakeFakeVms(FakeState& state);
std::unique_ptr<grpc::Service> MakeFakeSystem(FakeState& state);

// First in each method.
#define RETURN_UNLESS_ENTERED(method) \
  if (const grpc::Status entered = state_.Enter(method, *context); !entered.ok()) return entered

// One page of `all` from where the token says.
template <typename Response, typename Field>
void FillPage(const std::string& token, int page_size, const Field& all, Field* page, Response* response) {
  int at = 0;
  if (!absl::SimpleAtoi(token, &at)) at = 0;
  for (int i = at; i < all.size() && i < at + page_size; ++i) *page->Add() = all[i];
  if (at + page_size < all.size()) response->set_next_page_token(absl::StrCat(at + page_size));
}

}  // namespace banger::cli
