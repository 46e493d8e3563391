// docs/api.md, from the protos' own comments.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

namespace banger::style {

struct ServedMethod {
  const google::protobuf::MethodDescriptor* method = nullptr;  // built with its source info
  std::string role;                                            // the least that may call it
};

// Markdown: the methods in this order, those of a service together, each with its request
// and response; then every message and enum that these need, by name.
std::string ApiReference(const std::vector<ServedMethod>& methods);

}  // namespace banger::style
