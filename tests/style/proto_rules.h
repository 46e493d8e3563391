// The shape of our protos: buf's, with meaning from Google's AIPs.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <vector>

namespace banger::style {

// "proto/file.proto:line: Name: what is wrong". The file was built with its
// source info.
std::vector<std::string> ProtoFaults(const google::protobuf::FileDescriptor& file);

}  // namespace banger::style
