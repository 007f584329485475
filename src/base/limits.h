// Every bound of the program, with its unit and its reason. Nothing is unbounded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace xc::limits {

using std::chrono::milliseconds;
using std::chrono::seconds;

// --- HTTP server ---
inline constexpr std::size_t kHeadBytesMax =
    64 * 1024;                                      // cookies and trace headers fit, floods do not
inline constexpr std::size_t kHeadFieldsMax = 200;  // real clients send under 30
inline constexpr std::size_t kBodyBytesMax = 32u << 20;  // a few photographs as data URLs
inline constexpr seconds kHeadTimeout{15};               // slowloris: a head is one packet or two
inline constexpr seconds kBodyTimeout{120};              // 32 MiB over a 2 Mbit/s line
inline constexpr seconds kIdleTimeout{75};               // longer than the usual client pool
inline constexpr seconds kWriteTimeout{60};  // a client that reads nothing for this long is gone
inline constexpr std::size_t kConnectionsMax = 10'000;  // file descriptors, 2 a stream
inline constexpr std::size_t kConnectionsOverMax =
    64;  // above kConnectionsMax: told 503, then closed
inline constexpr std::size_t kThreadBufferBytes =
    64 * 1024;  // one read; per thread, not per connection
inline constexpr std::size_t kPipelineKeepBytes =
    4 * 1024;                         // kept capacity of a connection's rest buffer
inline constexpr int kTurnsMax = 16;  // reads or requests of one connection before others run
inline constexpr milliseconds kSweepInterval{
    250};                                    // how late a connection's deadline may be noticed
inline constexpr seconds kLingerTimeout{3};  // after an error reply: time to read it
inline constexpr std::size_t kLingerBytesMax = 64u << 20;  // what a refused client may still send
inline constexpr milliseconds kAcceptBackoff{100};         // no file descriptors left
inline constexpr int kListenBacklog = 1'024;               // the kernel caps it at somaxconn

// --- HTTP client ---
inline constexpr seconds kClientIdleTimeout{60};  // shorter than kIdleTimeout: we close first
inline constexpr milliseconds kConnectRetry{5};   // a Unix socket whose backlog is full

// --- JSON and requests ---
inline constexpr std::size_t kJsonDepthMax = 64;     // JSON schemas nest, attacks nest deeper
inline constexpr std::size_t kMessagesMax = 4'096;   // turns of one conversation
inline constexpr std::size_t kToolsMax = 512;        // MCP servers offer hundreds
inline constexpr std::size_t kChoicesMax = 16;       // n
inline constexpr std::size_t kPromptsMax = 128;      // of one completion request; each is n choices
inline constexpr std::size_t kStopsMax = 16;         // OpenAI allows 4
inline constexpr std::size_t kStopBytesMax = 256;    // held back while it may match
inline constexpr std::size_t kTopLogprobsMax = 20;   // OpenAI's own limit
inline constexpr std::size_t kLogitBiasMax = 1'024;  // entries
inline constexpr std::size_t kEmbeddingInputsMax = 2'048;  // OpenAI's own limit
inline constexpr std::size_t kRerankDocumentsMax = 1'024;
inline constexpr std::size_t kImagesMax = 16;  // per request
inline constexpr std::size_t kImageBytesMax = 16u << 20;
inline constexpr int kMaxTokensMax = 1 << 20;  // beyond any context
inline constexpr std::size_t kFilesMax = 64;             // of one request; the text is in its body
inline constexpr std::size_t kFileNameBytesMax = 1'024;  // of a path; one part has 255
inline constexpr std::size_t kSearchResultsMax = 100;    // search services give 10 to 50
inline constexpr std::size_t kSearchLineBytesMax = 4'096;  // of a title, an address, a date
// reasoning_effort where the chat template knows no such thing; medium and high are not limited.
inline constexpr int kMinimalThoughtTokens = 128;
inline constexpr int kLowThoughtTokens = 1'024;

// --- SSE and upstream replies ---
inline constexpr std::size_t kSseEventBytesMax = 16u << 20;  // one event: an embedding batch fits
inline constexpr std::size_t kReplyBytesMax = 256u << 20;    // embeddings of 2,048 inputs as JSON

// --- gateway ---
inline constexpr seconds kRequestTimeout{3600};  // the longest answer: 32,768 tokens at 10 a second
inline constexpr milliseconds kUpstreamRetryDelay{100};  // lets the fleet notice that a worker died
inline constexpr std::size_t kRequestIdBytesMax = 128;   // of X-Request-Id: a UUID and a prefix

// --- worker ---
inline constexpr std::size_t kWorkerQueueMax = 256;  // waiting requests before 429
inline constexpr std::size_t kTenantQueueMax = 192;  // of them of one tenant: others find room
inline constexpr std::size_t kFairFlowsMax = 1'024;   // tenants, or keys of one, remembered idle
inline constexpr std::size_t kSequencesMax = 256;    // LLAMA_MAX_SEQ
inline constexpr std::size_t kDeltaQueueMax =
    64;  // tokens a slow client may lag before its sequence parks
inline constexpr seconds kWorkerStartTimeout{300};  // a 70B model from a slow disk
inline constexpr seconds kDrainTimeout{30};
inline constexpr seconds kHandoverTimeout{2};  // from a hand-over to the last written delta
inline constexpr int kHandoversMax = 16;       // workers asked to go on with one answer
inline constexpr milliseconds kHandoverRetryDelay{100};  // times the number of tries in a row

inline constexpr std::size_t kToolTextBytesMax = 256u << 10;  // text held as a possible call

// --- adapters ---
inline constexpr std::size_t kAdaptersLoadedMax = 16;   // of one model; LoRA of 7B: 20–160 MiB each
inline constexpr std::size_t kAdaptersKnownMax = 1'024;  // remembered without their weights

// --- chunk store ---
inline constexpr int kDraftRows = 32;  // guessed tokens in one step: a few rows ride along free
inline constexpr int kScoreRows = 32;  // prompt tokens scored in one step: 4 B × vocabulary each
inline constexpr std::size_t kChunkBytesMax = 256u << 20;  // 256 tokens at 1 MiB: beyond any model
inline constexpr std::size_t kChunkFilesMax = 262'144;     // about 200 bytes each in the index
inline constexpr std::size_t kChunkWritesMax = 4'096;      // chunks that wait for the disk
inline constexpr std::uint64_t kChunkWriteBytesMax = 512u << 20;  // and their bytes
inline constexpr std::size_t kChunkLoadsMax = 256;                // requests that wait for the disk
inline constexpr std::size_t kChunkTouchesMax = 4'096;     // files whose time of use is to be noted
inline constexpr std::size_t kChunkTenantsMax = 65'536;  // secrets kept in memory without a folder
inline constexpr std::uint64_t kChunkDiskReserve = 1u << 30;  // a cache leaves this much disk free
inline constexpr seconds kChunkTouchEvery{60};  // how stale a file's time of use may be
inline constexpr seconds kChunkRescan{600};     // files of other workers are noticed this late
inline constexpr seconds kChunkPauseFirst{5};   // no writes after one failed; doubles
inline constexpr seconds kChunkPauseMax{300};
inline constexpr seconds kChunkFlushTimeout{10};  // of a worker that ends
inline constexpr seconds kChunkTempAge{600};  // a temporary file this old was left by a crash

// --- fleet ---
inline constexpr int kRestartsMax = 5;  // in kRestartWindow, then the circuit opens
inline constexpr seconds kRestartWindow{120};
inline constexpr milliseconds kRestartBackoffFirst{200};
inline constexpr seconds kRestartBackoffMax{10};
inline constexpr std::size_t kLoadWaitersMax = 4'096;  // requests that wait for a model, all models
inline constexpr std::size_t kResolvedNamesMax = 4'096;  // cached names and aliases
inline constexpr milliseconds kResolveFresh{1'000};      // a file that changed is noticed this late
inline constexpr milliseconds kReadyPoll{25};            // of a worker that loads
inline constexpr milliseconds kMemoryPoll{500};    // memory that others freed is noticed this late
inline constexpr seconds kWorkerAnswerTimeout{1};  // to /readyz; one that loads answers 503 at once
inline constexpr seconds kWorkerKillWait{5};       // from SIGKILL to the end, page tables of 100 GB
inline constexpr seconds kWorkerTermTimeout{10};   // from SIGTERM of an idle worker to SIGKILL
inline constexpr std::uint64_t kWorkerLogBytesMax = 1u << 20;  // then the log moves to .1
inline constexpr seconds kWorkerLogCheck{30};                  // how often its size is looked at
inline constexpr std::size_t kWorkerLogTailBytes = 16 * 1024;  // searched for the reason of a death
inline constexpr std::size_t kReasonBytesMax = 512;            // of a worker's "fatal: " line

// --- pools and endpoints ---
inline constexpr std::size_t kEndpointsMax = 1'024;       // each is probed; racks, not machines
inline constexpr std::size_t kPoolsMax = 256;
inline constexpr std::size_t kModelRoutesMax = 4'096;     // targets of all models
inline constexpr std::size_t kClearancesMax = 65'536;     // tenants with a requirement
inline constexpr std::size_t kEndpointUrlBytesMax = 512;
inline constexpr std::size_t kEndpointKeyBytesMax = 1'024;  // a JWT has 800
inline constexpr int kRouteWeightMax = 10'000;              // hundredths of a percent
inline constexpr std::int64_t kEndpointPriceMax = 1'000'000'000'000;  // micro-yuan, as prices
inline constexpr int kPlacesMax = 4;          // endpoints asked for one request
inline constexpr int kContinuationsMax = 2;   // endpoints asked to go on with one answer
inline constexpr int kHedgeMsMax = 60'000;    // later than that the first one is given up anyway
inline constexpr double kRetryShare = 0.2;    // second tries for each request of a pool
inline constexpr double kRetryBudgetMax = 10;  // saved up, and what a pool starts with
inline constexpr int kBreakerFailures = 5;     // in a row, then the circuit opens
inline constexpr milliseconds kBreakerOpenFirst{1'000};  // doubles
inline constexpr milliseconds kBreakerOpenMax{60'000};
inline constexpr seconds kEndpointRestMax{30};  // after its 429, whatever Retry-After says
inline constexpr int kEndpointTimeoutMsMax = 3'600'000;
inline constexpr int kEndpointStartTimeoutMs = 60'000;  // to the first token: a long prompt
inline constexpr int kEndpointStallTimeoutMs = 60'000;  // between two tokens
inline constexpr seconds kProbeInterval{5};             // of an endpoint's health
inline constexpr seconds kProbeTimeout{3};
inline constexpr int kProbeFailures = 2;  // in a row, then it is down: one lost packet is not
inline constexpr std::size_t kProbeReplyBytesMax = 1u << 20;  // a list of models
inline constexpr std::size_t kPrefixBlockBytes = 512;         // of a prompt: about 128 tokens
inline constexpr std::size_t kPrefixBlocksMax = 64;           // 32 KiB; more tells no two apart
inline constexpr std::size_t kPrefixesMax = 65'536;           // remembered in a pool, 6 MiB

// --- database ---
inline constexpr milliseconds kDatabaseBusyTimeout{
    10'000};  // others hold the lock for milliseconds
inline constexpr seconds kDatabaseConnectTimeout{5};  // a server in the same house answers in ms
inline constexpr milliseconds kDatabaseStatementTimeout{60'000};  // usage of a year, on cold disks
inline constexpr seconds kDatabaseReplyTimeout{75};  // after the statement timeout: it hangs
inline constexpr seconds kDatabaseLastWait{5};       // of a process that ends
inline constexpr seconds kDatabaseKeepalive{15};     // idle, then probes: a dead peer is noticed
inline constexpr int kDatabaseTriesMax = 3;  // of a transaction that stood in another's way
inline constexpr milliseconds kFeedPauseFirst{200};  // before the feed of changes connects again
inline constexpr seconds kFeedPauseMax{10};
inline constexpr milliseconds kChangesPause{50};  // after one that was told: a burst is read once

// --- keys ---
inline constexpr std::size_t kApiKeyBytesMax = 256;  // ours have 46; longer is never hashed
inline constexpr std::size_t kKeyNameBytesMax = 128;
inline constexpr std::size_t kTenantNameBytesMax = 64;  // of workspaces too: parts of paths
inline constexpr std::size_t kKeysMax = 100'000;        // all are in memory, about 500 bytes each
// Of one tenant, revoked ones included (rows stay): others find room in kKeysMax.
inline constexpr std::int64_t kTenantKeysMax = 10'000;
inline constexpr std::int64_t kTenantWorkspacesMax = 1'000;  // each is an account of the ledger
inline constexpr std::size_t kScopeItemsMax = 64;       // patterns of one kind of a key
inline constexpr std::size_t kScopeItemBytesMax = 128;
inline constexpr seconds kLastUsedGrain{60};  // how coarse a key's last use is
inline constexpr seconds kIdentityFlush{60};  // last uses are written this often
inline constexpr seconds kKeyOverlapMax{30 * 86'400};  // of the secret before a rotation

// --- secrets in the database ---
inline constexpr milliseconds kMasterKeyWait{10'000};  // for a rotation; one takes a second
inline constexpr milliseconds kMasterKeyPause{20};     // between two looks
inline constexpr std::size_t kSealBatch = 256;         // rows in one transaction
inline constexpr int kSealPassesMax = 8;      // of a rotation, while others change what was read
inline constexpr std::size_t kUnreadNamesMax = 8;  // in one sentence; the rest is counted

// --- users ---
inline constexpr std::size_t kPasswordBytesMin = 12;
inline constexpr std::size_t kPasswordBytesMax = 256;  // all of it is hashed
inline constexpr std::int64_t kTenantUsersMax = 10'000;  // disabled ones included: rows stay
inline constexpr int kLoginFailuresMax = 5;            // in a row, then the account is locked
inline constexpr seconds kLoginLockout{900};
inline constexpr int kLoginSourceFailuresMax = 20;  // of one address in kLoginWindow, then 429
inline constexpr seconds kLoginWindow{60};
inline constexpr std::size_t kLoginSourcesMax = 4'096;  // addresses remembered
inline constexpr int kLoginsWaitingMax = 2;  // one computes its 19 MiB hash, one waits, others 429
inline constexpr seconds kSessionLife{12 * 3'600};
inline constexpr std::size_t kSessionsPerUserMax = 16;  // the oldest makes room

// --- login at an OpenID provider ---
inline constexpr seconds kOidcStateLife{600};   // from the start of a login to its return
inline constexpr std::int64_t kOidcStatesMax = 20'000;  // returned ones remembered, then 429
inline constexpr std::size_t kOidcReplyBytesMax = 256 * 1024;  // metadata, keys, tokens
inline constexpr std::size_t kOidcTokenBytesMax = 32 * 1024;   // an ID token; usual ones have 1 KiB
inline constexpr std::size_t kOidcKeysMax = 64;                // of one provider
inline constexpr std::size_t kOidcSubjectBytesMax = 255;       // OpenID Connect Core 1.0 §2
inline constexpr std::size_t kOidcReturnBytesMax = 512;        // path to come back to
inline constexpr std::size_t kOidcRulesMax = 256;              // rows of a claim's mapping
inline constexpr std::size_t kOidcClaimItemsMax = 1'024;       // of one claim that is a list
inline constexpr seconds kOidcTimeout{10};       // of one request to the provider
inline constexpr seconds kOidcFactsLife{3'600};  // metadata and keys are read again after this
inline constexpr seconds kOidcFetchPause{10};    // at most so often: strangers can ask for it
inline constexpr seconds kOidcSkew{60};          // between the provider's clock and ours
inline constexpr int kOidcLoginsMax = 32;        // that wait for the provider at once, then 429

// --- audit ---
inline constexpr milliseconds kAuditSyncInterval{10};  // leaves wait this long for the next fsync
inline constexpr milliseconds kAuditRetryInterval{1'000};  // after a failed write: a full disk
inline constexpr milliseconds kAuditHeadInterval{1'000};   // heads kept and sent to the witness
inline constexpr std::size_t kAuditQueueLeaves = 65'536;   // a second and more at full speed
inline constexpr std::size_t kAuditQueueBytes = 64u << 20;
inline constexpr std::size_t kAuditRecordBytesMax = 64u << 10;   // a record has about 300
inline constexpr std::size_t kAuditContentBytesMax = 32u << 20;  // kBodyBytesMax
inline constexpr std::uint64_t kAuditSegmentLeaves = 1u << 20;   // read whole at start: a second
inline constexpr std::uint64_t kAuditSegmentBytes = 1u << 30;    // of records and contents
inline constexpr std::int64_t kAuditSegmentMs = 86'400'000;      // retention works in days
inline constexpr std::int64_t kAuditRetentionMs = 184ll * 86'400'000;  // six months, the longest
inline constexpr std::size_t kAuditLineBytesMax = 1'024;  // of a head or a receipt; ours have 300
inline constexpr std::size_t kAuditFaultsMax = 1'000;        // listed; all are counted
// admissions that a check pairs at once
inline constexpr std::size_t kAuditOpenCallsMax = 1u << 20;

inline constexpr std::uint64_t kAuditPageMax = 1'000;  // records of one answer
inline constexpr std::uint64_t kAuditScanMax = 20'000;  // leaves looked at for one answer
inline constexpr std::size_t kAuditTargetBytesMax = 512;  // of an address in a record
inline constexpr int kAuditRefusalsPerSecond = 100;  // of refused requests; others are counted

// --- administration ---
// Scans, exports and password hashes at once: of the four threads that block, two stay for others.
inline constexpr int kHeavyWorkMax = 2;
inline constexpr seconds kHeavyWorkRetry{1};  // a scan takes about as long
inline constexpr seconds kLedgerAuditFresh{1};  // /metrics may show the ledger this old
inline constexpr std::int64_t kQueryTimeMax = 253'402'300'799'999;  // the end of the year 9999

// --- operations ---
inline constexpr std::size_t kProxyBytesMax = 4'096;     // of a PROXY header; real ones: under 300
inline constexpr std::size_t kClientIdlePerThread = 128; // connections kept to one origin
inline constexpr seconds kCertificatePoll{5};            // renewed ones are noticed this late
inline constexpr seconds kWatchInterval{5};              // conditions are looked at this often
inline constexpr seconds kAlarmHold{15};  // a condition must be gone this long: no flapping
inline constexpr std::size_t kAlarmsMax = 1'024;         // active; a sick platform has tens
inline constexpr std::size_t kAlarmHistoryMax = 256;     // cleared ones that are still listed
inline constexpr std::size_t kAlarmTextBytesMax = 512;   // of a subject or a detail
inline constexpr std::size_t kOutboxMax = 1'024;         // posts that wait; the oldest make room
inline constexpr int kOutboxTriesMax = 8;                // of one post, over about four minutes
inline constexpr seconds kOutboxBackoffFirst{1};         // doubles
inline constexpr seconds kOutboxBackoffMax{60};
inline constexpr seconds kOutboxTimeout{10};             // of one try
inline constexpr std::size_t kOutboxReplyBytesMax = 64u << 10;  // nobody reads it
inline constexpr std::size_t kSpanQueueMax = 8'192;      // finished spans that wait; then dropped
inline constexpr std::size_t kSpanBatchMax = 512;        // of one post, about 300 KiB
inline constexpr std::size_t kSpanPostsMax = 4;          // batches that wait for the collector
inline constexpr seconds kSpanInterval{1};
inline constexpr std::size_t kSpansPerRequestMax = 16;   // stages, with every second try
inline constexpr std::size_t kTraceStateBytesMax = 512;  // W3C Trace Context §3.3.1.5
inline constexpr std::size_t kWitnessQueueMax = 64;      // heads; a newer one says more
inline constexpr seconds kWitnessLate{60};               // without a witnessed head: an alarm
inline constexpr std::size_t kWitnessHeadsMax = 1u << 22;  // read for a check: 48 days of them

// --- quotas and usage ---
inline constexpr std::size_t kQuotaNameBytesMax = 2 * 128 + 1;  // tenant/workspace, or a model
inline constexpr std::size_t kQuotaRulesMax = 64;               // changed by one request
inline constexpr std::int64_t kQuotaBytesPerToken = 3;      // prompts before they are tokenised
inline constexpr std::int64_t kQuotaTokensPerMessage = 8;   // a template's marks around a turn
inline constexpr std::int64_t kQuotaTokensPerRequest = 32;  // its system prompt
inline constexpr std::int64_t kQuotaTokensPerImage = 1'024;
inline constexpr std::int64_t kQuotaCompletionGuess = 1'024;  // set aside without max_tokens
inline constexpr std::int64_t kQuotaSlice = 256;  // tokens more when an answer outgrows them
inline constexpr seconds kUsageInterval{1};       // settlements reach the database this late
inline constexpr std::size_t kUsageQueueMax = 1u << 18;  // of them; beyond, read from the audit log
inline constexpr std::size_t kUsageGroupsMax = 10'000;   // rows of one answer
inline constexpr std::size_t kUsageRowsMax = 4'096;      // added in one transaction
// Budgets that several gateways share: each leases a part of one, a slice of the grant, ahead.
inline constexpr std::int64_t kLeaseSlices = 64;
inline constexpr seconds kLeaseLife{30};  // not renewed for so long: its gateway is dead
inline constexpr int kLeaseQuietTicks = 10;         // unused for so many kUsageInterval: given back
inline constexpr milliseconds kLeaseSpentFresh{500};  // a spent budget is asked for this seldom
inline constexpr milliseconds kLeaseAwayPause{1'000};  // and a database that is away
inline constexpr seconds kLeaseWait{5};  // of a request for its lease; one takes milliseconds
inline constexpr int kLeaseTriesMax = 8;  // others took what was leased for this request
inline constexpr std::size_t kLeasesPerTick = 256;  // in one transaction; the rest a tick later

// --- files ---
inline constexpr std::uint64_t kGgufKeysMax = 65'536;
inline constexpr std::uint64_t kGgufTensorsMax = 65'536;
inline constexpr std::uint64_t kGgufStringBytesMax = 64u << 20;   // a chat template is 20 KiB
inline constexpr std::uint64_t kGgufArrayItemsMax = 16u << 20;    // vocabularies have 300,000
inline constexpr std::uint64_t kGgufHeaderBytesMax = 256u << 20;  // vocabularies take 6–30 MiB
inline constexpr std::size_t kConfigBytesMax = 1u << 20;

// --- convert ---
inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 64u << 20;  // a shard's has 0.1–2 MiB
inline constexpr std::uint64_t kCheckpointIndexBytesMax = 64u << 20;    // DeepSeek-V3's has 9 MiB
inline constexpr std::size_t kCheckpointTensorsMax = 1u << 20;          // DeepSeek-V3 has 92,000
inline constexpr std::size_t kCheckpointFilesMax = 4'096;               // DeepSeek-V3 has 163
inline constexpr std::size_t kTensorDimensionsMax = 8;
inline constexpr std::uint64_t kTokenizerBytesMax = 64u << 20;  // tokenizer.json has up to 20 MiB
inline constexpr std::uint32_t kVocabularyMax = 4u << 20;       // entries; the largest have 300,000
inline constexpr std::size_t kTokenBytesMax = 4'096;            // one piece
inline constexpr unsigned kConvertThreadsMax = 8;  // more fill no disk faster; 32 MiB each at most
inline constexpr std::uint64_t kConvertJournalBytesMax = 16u << 20;  // 80 bytes a tensor
// Beyond any model; their products fit 64 bits.
inline constexpr std::uint32_t kModelLayersMax = 512;  // LLAMA_MAX_LAYERS
inline constexpr std::uint32_t kModelWidthMax = 1u << 20;
inline constexpr std::uint32_t kModelHeadsMax = 4'096;
inline constexpr std::uint32_t kModelExpertsMax = 1'024;
inline constexpr std::uint32_t kModelContextMax = 1u << 30;

// --- pull ---
inline constexpr seconds kTransferConnectTimeout{10};   // a blocked hub must not hold up the next
inline constexpr seconds kTransferStallTimeout{30};     // no byte for this long: try again
inline constexpr int kTransferRetriesMax = 3;           // tries in a row that bring no byte
inline constexpr long kTransferRedirectsMax = 8;        // hubs redirect once or twice
inline constexpr seconds kPackageTimeout{3600};         // one wheel of 100 MiB over 256 kbit/s
inline constexpr std::size_t kModelNameBytesMax = 128;  // a file name with room for a suffix
inline constexpr std::uint64_t kManifestBytesMax = 1u << 20;

}  // namespace xc::limits
