#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/output/progress.h"
#include "cli/upload/upload.h"
#include "cli/wake.h"

namespace banger::cli {

// Streams what `produce`, absl::Status(const Sink&, const Wake&), gives: the spec, the
// bytes, and the empty chunk that says that they were all, while progress is shown.
// `first` is the request with the spec; `take` gets the other events.
template <typename Request, typename Response, typename Produce, typename Take>
absl::Status StreamImport(Client& client, grpc::ClientReaderWriter<Request, Response>& stream,
                          rpc::ClientCall& call, const Request& first, Produce produce, ProgressView& view,
                          Take take) {
  Wake wake;
  const std::stop_callback on_stop(client.stop(), [&wake] { wake.Now(); });
  std::atomic<bool> answered = false;
  bool refused = false;  // the daemon ended it: its status says why
  absl::Status produced;
  // Reading the upload may block, and so may the daemon that takes it.
  std::thread sender([&] {
    if (!stream.Write(first)) return;
    Request request;
    produced = produce(
        [&](absl::string_view chunk) {
          request.set_chunk(chunk.data(), chunk.size());
          refused = !stream.Write(request);
          return refused ? absl::AbortedError("the daemon ended it") : absl::OkStatus();
        },
        wake);
    if (produced.ok()) {
      request.set_chunk("");
      stream.Write(request);
      stream.WritesDone();
    } else if (!refused && !answered) {
      call.context()->TryCancel();
    }
  });
  Response response;
  while (stream.Read(&response)) {
    if (response.has_progress())
      view.Show(response.progress());
    else
      take(response);
  }
  // An early answer ends the sender, who must not cancel the call before its
  // status is read.
  answered = true;
  wake.Now();
  sender.join();
  const absl::Status status = client.Result(stream.Finish());
  view.Clear();
  // Why we gave up says more than that we did.
  const bool ours = !produced.ok() && !refused && !absl::IsCancelled(produced);
  return ours ? produced : status;
}

}  // namespace banger::cli
