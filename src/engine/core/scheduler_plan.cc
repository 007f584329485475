// What one step computes.
#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>

#include "engine/core/scheduler.h"

namespace xc::engine {
namespace {

// A step that computes prompts only may take so many times the target between two tokens.
constexpr double kPromptPatience = 4;

// Of the target between two tokens, what a step of newcomers alone may take.
constexpr double kNewcomerShare = 0.5;

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

// Requests in the cache by tenant, and whether one of them has less than an even share beside it.
class Shares {
 public:
  explicit Shares(const std::vector<Lane*>& lanes) {
    std::set<const Request*> requests;
    for (const Lane* lane : lanes) requests.insert(lane->request);
    for (const Request* request : requests) ++of_tenant_[request->tenant];
    all_ = static_cast<int>(requests.size());
  }
  bool leave_room_for(const Request& request) const {
    const int besides = of_tenant_.at(request.tenant) - 1;
    return besides * static_cast<int>(of_tenant_.size()) < all_ - 1;
  }

 private:
  std::map<std::string_view, int> of_tenant_;
  int all_ = 0;
};

bool of_newcomers(const std::vector<Slice>& slices, const std::vector<SequenceView>& sequences) {
  return std::all_of(slices.begin(), slices.end(), [&](const Slice& slice) {
    return std::any_of(sequences.begin(), sequences.end(),
                       [&](const SequenceView& s) { return s.seq == slice.seq && s.newcomer; });
  });
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
  std::vector<Lane*> decoding;
  for (Lane* lane : lanes) {
    const int left = text_ahead(*lane, computed_tokens(*lane));
    if (left == 0) continue;
    if (is_decoding(*lane)) {
      if (!lane->parked) decoding.push_back(lane);
    } else if (order.empty() || order.back() != lane->request) {
      order.push_back(lane->request);
    }
  }
  std::sort(order.begin(), order.end(),
            [this](const Request* a, const Request* b) { return queue_.before(a->id, b->id); });
  take_turns(order);
  std::vector<SequenceView> out;
  const Shares shares(placed());
  draft(decoding, threads);
  for (Lane* lane : lanes) {
    const int computed = computed_tokens(*lane);
    int left = text_ahead(*lane, computed);
    if (left == 0) continue;  // an image comes first
    // A state is kept between two steps.
    if (lane->checkpoint_at > computed) left = std::min(left, lane->checkpoint_at - computed);
    SequenceView view;
    view.seq = lane->seq;
    view.arrival = lane->request->id;
    const bool decodes = is_decoding(*lane);
    view.prompt_left = decodes ? 0 : left;
    view.scored = lane->request->score_prompt && !lane->request->sampled;
    view.parked = decodes && lane->parked;
    if (decodes && !lane->parked) {
      view.draft = static_cast<int>(lane->draft.size());
    } else if (!decodes) {
      const auto at = std::find(order.begin(), order.end(), lane->request);
      view.rank = static_cast<std::uint64_t>(at - order.begin());
      view.priority = lane->request->priority;
      view.newcomer =
          !view.scored && is_short(*lane->request) && shares.leave_room_for(*lane->request);
    }
    out.push_back(view);
  }
  return out;
}

// What the lane's own past offers. Returns how many guesses a smaller model may make instead.
int Scheduler::draft_from_past(Lane& lane, int rows, int threads) {
  lane.draft.clear();
  if (lane.speculation == nullptr || !options_.can_share) return 0;
  if (lane.media_shift != 0) return 0;  // refused guesses are taken back by position
  Lane::Speculation& s = *lane.speculation;
  for (; s.known < lane.target.size(); ++s.known) s.past.append(lane.target[s.known]);
  const int left = lane.request->max_tokens - lane.generated - 1;
  const int max =
      std::min({options_.draft_rows_max / rows, left, options_.cells - pool_.cells_used() - rows});
  if (max <= 0) return 0;
  lane.draft = s.past.draft(max);
  const int wanted = s.governor.choose(static_cast<int>(lane.draft.size()), step_ms(rows, threads));
  lane.draft.resize(
      static_cast<std::size_t>(std::clamp(wanted, 0, static_cast<int>(lane.draft.size()))));
  s.by_model = lane.draft.empty() && drafter_ != nullptr;
  return s.by_model ? max : 0;
}

// Guesses for those who decode: the model is asked once for all whose past has nothing to offer.
void Scheduler::draft(const std::vector<Lane*>& decoding, int threads) {
  const int rows = static_cast<int>(decoding.size());
  std::vector<Drafter::Ask> asks;
  std::vector<ModelDraft*> askers;
  std::vector<std::pair<Lane*, int>> by_model;
  for (Lane* lane : decoding) {
    const int max = draft_from_past(*lane, rows, threads);
    if (max <= 0) continue;
    by_model.emplace_back(lane, max);
    ModelDraft& model = lane->speculation->model;
    const int wanted = model.wanted(*drafter_, lane->target.size(), max, step_ms(rows, threads));
    if (wanted <= 0) continue;
    asks.push_back({lane->seq, &lane->target, wanted});
    askers.push_back(&model);
  }
  if (!asks.empty()) {
    std::vector<Drafter::Guess> guesses = drafter_->draft(asks);
    for (std::size_t i = 0; i < asks.size(); ++i) {
      askers[i]->take(asks[i].tokens->size(), std::move(guesses[i]));
    }
  }
  for (const auto& [lane, max] : by_model) {
    lane->draft = lane->speculation->model.guesses(lane->target.size(), max);
  }
}

double Scheduler::target_tbt_ms() const {
  std::optional<double> least;
  for (const Lane* lane : placed()) {
    if (!is_decoding(*lane) || lane->parked) continue;
    const double own = options_.class_tbt_ms[static_cast<std::size_t>(lane->request->priority)];
    const double target = own > 0 ? own : options_.target_tbt_ms;
    least = std::min(least.value_or(target), target);
  }
  return least.value_or(options_.target_tbt_ms);
}

// Prompt tokens of the next step. A stream of another adapter waits for this step too: a round has
// the time of one token. Where nobody decodes, but not one request alone is here, the others wait
// for a place in the next step: it comes soon, if not as soon as the next token of a stream.
int Scheduler::prefill_budget(int decodes, const Turn& turn, int threads, int tokens_max) const {
  // Who decodes has waited for the newcomers before: both steps together keep the target.
  double target_ms =
      std::max(target_tbt_ms() - newcomers_only_ms_, 0.0) / static_cast<double>(turn.round);
  int waiting_rows = std::max(decodes, std::min(turn.decodes_elsewhere, 1));
  const bool in_company = active_.size() + waiting_.size() > 1;
  if (waiting_rows == 0 && in_company && cost_.observations(threads) > 0) {
    waiting_rows = 1;
    target_ms *= kPromptPatience;
  }
  return cost_.prefill_budget(target_ms, threads, waiting_rows, pool_.cells_used(), tokens_max);
}

// Tokens of a step that computes newcomers alone, so that a short request of a tenant who has
// nothing yet waits neither for the tokens of all the others nor for the prompts that fill a step
// up. Never two in a row, so the others lose half of their time at most. 0: no such step now.
int Scheduler::newcomer_budget(int decodes, int threads, int tokens_max) const {
  const bool others_wait = decodes > 0 || placed().size() > 1;
  if (newcomers_only_ms_ > 0 || !others_wait || cost_.observations(threads) == 0) return 0;
  const double target_ms = target_tbt_ms() * kNewcomerShare;
  return cost_.prefill_budget(target_ms, threads, 1, pool_.cells_used(), tokens_max);
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
  budget.draft_tokens = cost_.row_in_prompt_tokens(threads, pool_.cells_used());
  budget.newcomers_alone = newcomer_budget(static_cast<int>(decodes), threads, budget.tokens);
  budget.shorts_led = shorts_led_.contains(turn.adapter);
  if (decodes == 0) budget.tokens = std::min(budget.tokens, budget.prefill_beside_decode);
  const std::vector<Slice> slices = plan_step(sequences, budget);

  std::vector<Lane*> by_seq(static_cast<std::size_t>(options_.sequences), nullptr);
  for (Lane* lane : placed()) by_seq[static_cast<std::size_t>(lane->seq)] = lane;
  std::vector<Row> rows;
  shape_ = {threads, 0, 0, pool_.cells_used()};
  newcomers_only_ = budget.newcomers_alone > 0 && of_newcomers(slices, sequences);
  if (shorts_led(sequences, budget, slices)) {
    shorts_led_.insert(turn.adapter);
  } else {
    shorts_led_.erase(turn.adapter);
  }
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
