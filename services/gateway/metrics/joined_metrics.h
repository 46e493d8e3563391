#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <vector>

namespace banger::gateway {

// What all daemons say, as one page of Prometheus' text format: each family once, its
// series with the label `daemon`, in an order that stays. For one thread.
class JoinedMetrics {
 public:
  // banger_daemon_up is there for every daemon that is added: 1, or 0 for a silent one.
  JoinedMetrics();

  void Add(const std::string& daemon, std::vector<prometheus::MetricFamily> families);
  void AddSilent(const std::string& daemon);

  // Version 0.0.4 of the format.
  std::string Text() const;

 private:
  void AddUp(const std::string& daemon, double value);

  std::map<std::string, prometheus::MetricFamily> families_;  // by name
};

}  // namespace banger::gateway
