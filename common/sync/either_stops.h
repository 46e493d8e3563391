#pragma once

#include <stop_token>

namespace banger {

// A token that stops when either of two does.
class EitherStops {
 public:
  EitherStops(const std::stop_token& a, const std::stop_token& b)
      : on_a_(a, RequestStop{source_}), on_b_(b, RequestStop{source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct RequestStop {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<RequestStop> on_a_;
  std::stop_callback<RequestStop> on_b_;
};

}  // namespace banger
