#include "services/imaged/adapters/cache/blob_download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/oci/digest.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::int64_t kAnnounceBytes = 64 << 10;

}  // namespace

// The partial file and the digest of what is in it.
class BlobDownload::Arrival {
 public:
  Arrival(BlobDownload& download, UniqueFd file, oci::Digester digester)
      : download_(download), file_(std::move(file)), digester_(std::move(digester)) {}

  int fd() const { return file_.get(); }
  std::int64_t size() const { return size_; }

  // What stopped it for good, whoever fetches.
  const absl::Status& failure() const { return failure_; }

  // Takes in what an earlier download left.
  absl::Status Resume(const std::stop_token& stop) {
    struct stat info {};
    if (::fstat(fd(), &info) != 0) return ErrnoError(errno, "stat a partial blob");
    if (info.st_size > download_.blob_.size) {
      if (::ftruncate(fd(), 0) != 0) return ErrnoError(errno, "truncate a partial blob");
      return absl::OkStatus();
    }
    std::vector<char> buffer(256 << 10);
    while (!stop.stop_requested()) {
      BANGER_ASSIGN_OR_RETURN(const std::size_t count, ReadFully(fd(), buffer.data(), buffer.size()));
      if (count == 0) return absl::OkStatus();
      Count(absl::string_view(buffer.data(), count));
    }
    return absl::CancelledError("stopped");
  }

  absl::Status Append(absl::string_view bytes) {
    if (failure_.ok()) failure_ = Write(bytes);
    if (failure_.ok()) Count(bytes);
    return failure_;
  }

  absl::Status Verify() {
    const Descriptor& blob = download_.blob_;
    if (size_ < blob.size)
      return ImageCorrupt(absl::StrCat("blob ", blob.digest, " ends after ", size_,
                                       " bytes, its descriptor says ", blob.size));
    const std::string actual = digester_.Digest();
    return actual == blob.digest ? absl::OkStatus()
                                 : DigestMismatch(absl::StrCat("blob ", blob.digest), blob.digest, actual);
  }

 private:
  absl::Status Write(absl::string_view bytes) {
    const Descriptor& blob = download_.blob_;
    if (static_cast<std::int64_t>(bytes.size()) > blob.size - size_)
      return ImageCorrupt(
          absl::StrCat("blob ", blob.digest, " has more than the ", blob.size, " bytes of its descriptor"));
    const absl::Status written = WriteFully(fd(), bytes);
    if (!absl::IsResourceExhausted(written) || !download_.make_room_()) return written;
    if (::lseek(fd(), size_, SEEK_SET) < 0) return ErrnoError(errno, "seek in a partial blob");
    return WriteFully(fd(), bytes);
  }

  void Count(absl::string_view bytes) {
    digester_.Update(bytes);
    size_ += static_cast<std::int64_t>(bytes.size());
    if (size_ - announced_ < kAnnounceBytes) return;
    announced_ = size_;
    download_.Announce(size_);
  }

  BlobDownload& download_;
  UniqueFd file_;
  oci::Digester digester_;
  std::int64_t size_ = 0;
  std::int64_t announced_ = 0;
  absl::Status failure_;
};

BlobDownload::BlobDownload(BlobFiles files, Descriptor blob, MakeRoom make_room)
    : files_(std::move(files)), blob_(std::move(blob)), make_room_(std::move(make_room)) {}

BlobDownload::BlobDownload(BlobFiles files, Descriptor blob)
    : files_(std::move(files)),
      blob_(std::move(blob)),
      available_(blob_.size),
      verified_(absl::OkStatus()),
      published_(absl::OkStatus()) {}

bool BlobDownload::AddFetcher(std::shared_ptr<BlobFetcher> fetcher) {
  const MutexLock lock(mutex_);
  if (verified_.has_value()) return verified_->ok();
  fetchers_.push_back(std::move(fetcher));
  return true;
}

void BlobDownload::Run(const std::stop_token& stop) {
  const absl::Status status = Fetch(stop);
  const MutexLock lock(mutex_);
  if (!verified_.has_value()) verified_ = status;
  published_ = status;
  fetchers_.clear();
  changed_.notify_all();
}

absl::Status BlobDownload::Fetch(const std::stop_token& stop) {
  const std::filesystem::path partial = files_.Partial(blob_.digest);
  BANGER_ASSIGN_OR_RETURN(oci::Digester digester, oci::Digester::For(blob_.digest));
  BANGER_ASSIGN_OR_RETURN(UniqueFd file, OpenFile(partial, O_RDWR | O_CREAT));
  Arrival arrival(*this, std::move(file), std::move(digester));
  BANGER_RETURN_IF_ERROR(arrival.Resume(stop));
  absl::Status fetched = FetchInto(arrival, stop);
  if (fetched.ok()) fetched = arrival.Verify();
  // Nothing and what is wrong are not worth keeping.
  if (!fetched.ok() && (arrival.size() == 0 || absl::IsDataLoss(fetched))) ::unlink(partial.c_str());
  BANGER_RETURN_IF_ERROR(fetched);
  Announce(blob_.size);
  return Publish(arrival.fd());
}

absl::Status BlobDownload::FetchInto(Arrival& arrival, const std::stop_token& stop) {
  absl::Status last = absl::InternalError("nobody to fetch a blob with");
  while (arrival.size() < blob_.size) {
    std::shared_ptr<BlobFetcher> fetcher;
    {
      const MutexLock lock(mutex_);
      if (fetchers_.empty()) {
        verified_ = last;  // whoever comes now begins anew
        return last;
      }
      fetcher = std::move(fetchers_.front());
      fetchers_.pop_front();
    }
    last = fetcher->Fetch(
        blob_, arrival.size(), [&arrival](absl::string_view bytes) { return arrival.Append(bytes); }, stop);
    BANGER_RETURN_IF_ERROR(arrival.failure());
    if (last.ok()) return last;
    if (stop.stop_requested()) return absl::CancelledError("stopped");
  }
  return absl::OkStatus();
}

// Readers need not wait until it is on disk.
absl::Status BlobDownload::Publish(int fd) {
  {
    const MutexLock lock(mutex_);
    verified_ = absl::OkStatus();
    changed_.notify_all();
  }
  return files_.Publish(blob_.digest, fd);
}

void BlobDownload::Announce(std::int64_t available) {
  const MutexLock lock(mutex_);
  available_ = available;
  changed_.notify_all();
}

absl::StatusOr<std::int64_t> BlobDownload::Await(std::int64_t position, const std::stop_token& stop) const {
  MutexLock lock(mutex_);
  changed_.wait(lock, stop, [this, position]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return verified_.has_value() || available_ > position;
  });
  if (stop.stop_requested()) return absl::CancelledError("stopped");
  if (verified_.has_value() && !verified_->ok()) return *verified_;
  return available_;
}

absl::Status BlobDownload::AwaitPublished(const std::stop_token& stop) const {
  MutexLock lock(mutex_);
  const bool known =
      changed_.wait(lock, stop, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return published_.has_value(); });
  return known ? *published_ : absl::CancelledError("stopped");
}

absl::StatusOr<UniqueFd> BlobDownload::OpenForReading() const {
  absl::StatusOr<UniqueFd> partial = OpenFile(files_.Partial(blob_.digest), O_RDONLY);
  // It may be published between the two.
  return partial.ok() ? std::move(partial) : OpenFile(files_.Whole(blob_.digest), O_RDONLY);
}

}  // namespace banger::imaged
