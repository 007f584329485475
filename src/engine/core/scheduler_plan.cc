// What one step computes.
#include <algorithm>
#include <tuple>

#include "engine/core/scheduler.h"

namespace xc::engine {
namespace {

// A step that computes prompts only may take so many times the target between two tokens.
constexpr double kPromptPatience = 4;

// Text tokens of the lane's target from `from` on, up to the next image.
int text_ahead(const Lane& lane, int from) {
  const auto begin = lane.target.begin() + from;
  return static_cast<int>(std::find(begin, lane.target.end(), kMediaToken) - begin);
}

// A tenant's second prompt goes behind the first of every other of its class: what was admitted at
// once and paid for must not keep a newcomer waiting.
void take_turns(std::vector<const Request*>& order) {
  std::vector<std::tuple<int, int, int, const Request*>> places;
  std::map<std::string, int> of_tenant;
  int group = 0;
  for (const Request* request : order) {
    if (!places.empty() && std::get<3>(places.back())->priority != request->priority) {
      ++group;
      of_tenant.clear();
    }
    const int place = static_cast<int>(places.size());
    places.emplace_back(group, of_tenant[request->tenant]++, place, request);
  }
  std::sort(places.begin(), places.end());
  std::transform(places.begin(), places.end(), order.begin(),
                 [](const auto& place) { return std::get<3>(place); });
}

}  // namespace

// A step computes lanes of one adapter: whose turn it is, of those that have something to compute.
Scheduler::Turn Scheduler::next_turn() {
  std::vector<std::uint64_t> with_work;
  std::map<std::uint64_t, int> decodes;
  for (const Lane* lane : placed()) {
    const int left = text_ahead(*lane, computed_tokens(*lane));
    const bool decoding = is_decoding(*lane);
    if (left == 0 || (decoding && lane->parked)) continue;
    const std::uint64_t adapter = lane->request->adapter;
    if (std::find(with_work.begin(), with_work.end(), adapter) == with_work.end()) {
      with_work.push_back(adapter);
    }
    decodes[adapter] += decoding ? 1 : 0;
  }
  Turn turn;
  turn.adapter = turns_.next(with_work);
  turn.round = std::max<std::size_t>(turns_.round(), 1);
  for (const auto& [adapter, lanes] : decodes) {
    if (adapter != turn.adapter) turn.decodes_elsewhere += lanes;
  }
  return turn;
}

// All but its last token is computed. (One token before an image is not the last.)
bool Scheduler::is_decoding(const Lane& lane) const {
  return lane.request->sampled && computed_tokens(lane) + 1 == static_cast<int>(lane.target.size());
}

std::vector<SequenceView> Scheduler::views(int threads, std::uint64_t adapter) {
  std::vector<Lane*> lanes = placed();
  std::erase_if(lanes, [adapter](const Lane* lane) { return lane->request->adapter != adapter; });
  std::vector<const Request*> order;
  int decodes = 0;
  for (const Lane* lane : lanes) {
    const int left = text_ahead(*lane, computed_tokens(*lane));
    if (left == 0) continue;
    if (is_decoding(*lane)) {
      decodes += lane->parked ? 0 : 1;
    } else if (order.empty() || order.back() != lane->request) {
      order.push_back(lane->request);
    }
  }
  std::sort(order.begin(), order.end(),
            [this](const Request* a, const Request* b) { return queue_.before(a->id, b->id); });
  take_turns(order);
  std::vector<SequenceView> out;
  const int drafts_each = decodes > 0 ? options_.draft_rows_max / decodes : 0;
  for (Lane* lane : lanes) {
    const int left = text_ahead(*lane, computed_tokens(*lane));
    if (left == 0) continue;  // an image comes first
    SequenceView view;
    view.seq = lane->seq;
    view.arrival = lane->request->id;
    const bool decoding = is_decoding(*lane);
    view.prompt_left = decoding ? 0 : left;
    view.scored = lane->request->score_prompt && !lane->request->sampled;
    view.parked = decoding && lane->parked;
    if (decoding && !lane->parked) {
      draft(*lane, decodes, threads, drafts_each);
      view.draft = static_cast<int>(lane->draft.size());
    } else if (!decoding) {
      const auto at = std::find(order.begin(), order.end(), lane->request);
      view.rank = static_cast<std::uint64_t>(at - order.begin());
    }
    out.push_back(view);
  }
  return out;
}

void Scheduler::draft(Lane& lane, int rows, int threads, int drafts_max) {
  lane.draft.clear();
  if (lane.speculation == nullptr || !options_.can_share || drafts_max <= 0) return;
  if (lane.media_shift != 0) return;  // refused guesses are taken back by position
  Lane::Speculation& s = *lane.speculation;
  for (; s.known < lane.target.size(); ++s.known) s.past.append(lane.target[s.known]);
  const int left = lane.request->max_tokens - lane.generated - 1;
  const int max = std::min({drafts_max, left, options_.cells - pool_.cells_used() - rows});
  if (max <= 0) return;
  lane.draft = s.past.draft(max);
  const int wanted = s.governor.choose(static_cast<int>(lane.draft.size()), step_ms(rows, threads));
  lane.draft.resize(
      static_cast<std::size_t>(std::clamp(wanted, 0, static_cast<int>(lane.draft.size()))));
}

// Prompt tokens of the next step. A stream of another adapter waits for this step too: a round has
// the time of one token. Where nobody decodes, but not one request alone is here, the others wait
// for a place in the next step: it comes soon, if not as soon as the next token of a stream.
int Scheduler::prefill_budget(int decodes, const Turn& turn, int threads, int tokens_max) const {
  double target_ms = options_.target_tbt_ms / static_cast<double>(turn.round);
  int waiting_rows = std::max(decodes, std::min(turn.decodes_elsewhere, 1));
  const bool in_company = active_.size() + waiting_.size() > 1;
  if (waiting_rows == 0 && in_company && cost_.observations(threads) > 0) {
    waiting_rows = 1;
    target_ms *= kPromptPatience;
  }
  return cost_.prefill_budget(target_ms, threads, waiting_rows, pool_.cells_used(), tokens_max);
}

std::vector<Scheduler::Row> Scheduler::plan(SteadyTime now, int threads) {
  now_ = now;
  place_active();
  admit_waiting();
  const Turn turn = next_turn();
  std::vector<SequenceView> sequences = views(threads, turn.adapter);
  // Decodes go on whatever happens: one cell each.
  const auto decodes = std::count_if(sequences.begin(), sequences.end(),
                                     [](const auto& s) { return s.prompt_left == 0 && !s.parked; });
  const auto computing = decodes + (static_cast<std::size_t>(decodes) < sequences.size() ? 1 : 0);
  const std::size_t before = counters_.preemptions;
  if (!ensure_cells(static_cast<int>(computing)) || counters_.preemptions != before) {
    sequences = views(threads, turn.adapter);
  }
  const int free = std::max(pool_.cells() - pool_.cells_used(), 0);
  StepBudget budget;
  budget.tokens = std::min(options_.step_tokens, free);
  budget.scored_rows = options_.score_rows_max;
  budget.prefill_beside_decode =
      prefill_budget(static_cast<int>(decodes), turn, threads, budget.tokens);
  if (decodes == 0) budget.tokens = std::min(budget.tokens, budget.prefill_beside_decode);
  const std::vector<Slice> slices = plan_step(sequences, budget);

  std::vector<Lane*> by_seq(static_cast<std::size_t>(options_.sequences), nullptr);
  for (Lane* lane : placed()) by_seq[static_cast<std::size_t>(lane->seq)] = lane;
  std::vector<Row> rows;
  shape_ = {threads, 0, 0, pool_.cells_used()};
  for (const Slice& slice : slices) {
    Row row;
    row.lane = by_seq[static_cast<std::size_t>(slice.seq)];
    row.from = computed_tokens(*row.lane);
    row.tokens = slice.tokens;
    row.drafts = slice.prefill ? 0 : slice.tokens - 1;
    row.lane->draft.resize(static_cast<std::size_t>(row.drafts));
    (slice.prefill ? shape_.prefill_tokens : shape_.decode_rows) += slice.tokens;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace xc::engine
