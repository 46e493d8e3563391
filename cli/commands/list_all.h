#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"

namespace banger::cli {

// All pages of a list in one response.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> ListAll(Client& client,
                                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                                 Request request = {}) {
  constexpr int kPageSize = 1000;
  Response all;
  std::set<std::string> tokens;
  request.set_page_size(kPageSize);
  do {
    BANGER_ASSIGN_OR_RETURN(Response page, client.Unary(method, request));
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
    if (!tokens.insert(request.page_token()).second)
      return absl::InternalError("the daemon gave the same page twice");
  } while (!request.page_token().empty());
  return all;
}

}  // namespace banger::cli
