#include "services/imaged/adapters/cache/blob_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/oci/digest.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/cache/blob_reader.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::int64_t kMaxBlobBytes = std::int64_t{1} << 40;

absl::Status Check(const Descriptor& blob) {
  const std::string shown = PrintableArchivePath(blob.digest);
  if (!oci::IsDigest(blob.digest))
    return ImageCorrupt(absl::StrCat("'", shown, "' is neither a sha256 nor a sha512 digest"));
  if (blob.size < 0 || blob.size > kMaxBlobBytes)
    return ImageCorrupt(absl::StrCat("the descriptor of blob ", shown, " says ", blob.size, " bytes"));
  return absl::OkStatus();
}

absl::Status CheckSize(const Descriptor& blob, std::int64_t actual) {
  if (actual == blob.size) return absl::OkStatus();
  return ImageCorrupt(
      absl::StrCat("blob ", blob.digest, " has ", actual, " bytes, its descriptor says ", blob.size));
}

absl::StatusOr<std::string> DigestOf(ByteSource& source, const std::string& digest,
                                     const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(oci::Digester digester, oci::Digester::For(digest));
  std::vector<char> buffer(256 << 10);
  while (!stop.stop_requested()) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return digester.Digest();
    digester.Update(absl::string_view(buffer.data(), count));
  }
  return absl::CancelledError("stopped");
}

}  // namespace

CachedBlob::CachedBlob(BlobCache& cache, std::shared_ptr<BlobDownload> download)
    : claim_(&cache, Release{std::move(download)}) {}

CachedBlob::~CachedBlob() = default;
CachedBlob& CachedBlob::operator=(CachedBlob&& other) noexcept = default;

void CachedBlob::Release::operator()(BlobCache* cache) const { cache->Release(download); }

std::unique_ptr<ByteSource> CachedBlob::Read(const std::stop_token& stop) const {
  return std::make_unique<BlobReader>(claim_.get_deleter().download, stop);
}

absl::StatusOr<std::int64_t> CachedBlob::Await(std::int64_t position, const std::stop_token& stop) const {
  return claim_.get_deleter().download->Await(position, stop);
}

absl::Status CachedBlob::AwaitPublished(const std::stop_token& stop) const {
  return claim_.get_deleter().download->AwaitPublished(stop);
}

absl::StatusOr<std::unique_ptr<BlobCache>> BlobCache::Open(const std::filesystem::path& directory,
                                                           std::int64_t max_bytes) {
  BANGER_ASSIGN_OR_RETURN(BlobFiles files, BlobFiles::Open(directory));
  std::unique_ptr<BlobCache> cache(new BlobCache(std::move(files), max_bytes));
  const MutexLock lock(cache->mutex_);
  BANGER_RETURN_IF_ERROR(cache->Shrink(max_bytes, false).status());
  return cache;
}

BlobCache::~BlobCache() {
  MutexLock lock(mutex_);
  ended_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return running_ == 0; });
}

absl::StatusOr<CachedBlob> BlobCache::Claim(const Descriptor& blob, std::shared_ptr<BlobFetcher> fetcher,
                                            const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(Check(blob));
  MutexLock lock(mutex_);
  // One that ends in vain still has the partial file in its hands.
  const auto ends_in_vain = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto it = entries_.find(blob.digest);
    return it != entries_.end() && it->second.running &&
           (it->second.claims == 0 || !it->second.download->AddFetcher(fetcher));
  };
  ended_.wait(lock, stop, [&] { return stop.stop_requested() || !ends_in_vain(); });
  if (stop.stop_requested()) return absl::CancelledError("stopped");
  BANGER_ASSIGN_OR_RETURN(Entry* const entry, FindOrBegin(blob, std::move(fetcher)));
  ++entry->claims;
  return CachedBlob(*this, entry->download);
}

// Nothing that ends in vain may be there.
absl::StatusOr<BlobCache::Entry*> BlobCache::FindOrBegin(const Descriptor& blob,
                                                         std::shared_ptr<BlobFetcher> fetcher) {
  const auto it = entries_.find(blob.digest);
  if (it != entries_.end() && (it->second.running || it->second.download->Await(0, {}).ok())) {
    BANGER_RETURN_IF_ERROR(CheckSize(blob, it->second.download->blob().size));
    return &it->second;
  }
  Entry entry;
  struct stat info {};
  if (::lstat(files_.Whole(blob.digest).c_str(), &info) == 0) {
    BANGER_RETURN_IF_ERROR(CheckSize(blob, info.st_size));
    files_.Touch(blob.digest);
    entry.download = std::make_shared<BlobDownload>(files_, blob);
    return &(entries_[blob.digest] = std::move(entry));
  }
  entry.download = std::make_shared<BlobDownload>(files_, blob, [this] { return MakeRoom(); });
  entry.download->AddFetcher(std::move(fetcher));
  entry.running = true;
  ++running_;
  std::thread([this, download = entry.download, stop = entry.stop] {
    Run(download, stop.get_token());
  }).detach();
  return &(entries_[blob.digest] = std::move(entry));
}

void BlobCache::Run(const std::shared_ptr<BlobDownload>& download, const std::stop_token& stop) {
  download->Run(stop);
  const MutexLock lock(mutex_);
  const auto it = entries_.find(download->blob().digest);
  it->second.running = false;
  if (it->second.claims == 0) entries_.erase(it);
  Shrink(max_bytes_, false).IgnoreError();
  --running_;
  ended_.notify_all();
}

void BlobCache::Release(const std::shared_ptr<BlobDownload>& download) {
  std::stop_source abandoned(std::nostopstate);
  {
    const MutexLock lock(mutex_);
    const auto it = entries_.find(download->blob().digest);
    // A failed download may have been followed by another one.
    if (it == entries_.end() || it->second.download != download || --it->second.claims > 0) return;
    if (it->second.running) {
      abandoned = it->second.stop;
    } else {
      entries_.erase(it);
      if (entries_.empty()) Shrink(max_bytes_, false).IgnoreError();
    }
  }
  abandoned.request_stop();
}

bool BlobCache::DropIfDamaged(const std::string& digest, const std::stop_token& stop) {
  const std::filesystem::path path = files_.Whole(digest);
  const absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY);
  if (!file.ok()) return false;
  FdSource source(file->get());
  // What cannot be read is damaged, too.
  const absl::StatusOr<std::string> actual = DigestOf(source, digest, stop);
  if (absl::IsCancelled(actual.status()) || (actual.ok() && *actual == digest)) return false;
  const MutexLock lock(mutex_);
  const auto it = entries_.find(digest);
  if (it != entries_.end() && it->second.running) return false;  // somebody was faster
  if (it != entries_.end()) entries_.erase(it);
  return ::unlink(path.c_str()) == 0;
}

absl::StatusOr<BlobCache::Pruned> BlobCache::Prune(bool dry_run) {
  const MutexLock lock(mutex_);
  return Shrink(-1, dry_run);
}

bool BlobCache::MakeRoom() {
  const MutexLock lock(mutex_);
  const absl::StatusOr<Pruned> pruned = Shrink(-1, false);
  return pruned.ok() && pruned->removed.bytes > 0;
}

absl::StatusOr<BlobCache::Pruned> BlobCache::Shrink(std::int64_t max_bytes, bool dry_run) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<BlobFiles::File> files, files_.List());
  Pruned pruned;
  for (const BlobFiles::File& file : files) pruned.kept.Add(file.bytes);
  for (const BlobFiles::File& file : files) {
    if (pruned.kept.bytes <= max_bytes) break;
    if (entries_.contains(file.digest)) continue;
    if (!dry_run && ::unlink(file.path.c_str()) != 0 && errno != ENOENT)
      return ErrnoError(errno, absl::StrCat("remove '", file.path.string(), "'"));
    pruned.kept.Remove(file.bytes);
    pruned.removed.Add(file.bytes);
  }
  return pruned;
}

}  // namespace banger::imaged
