#include "schema/builtin_templates.h"

namespace xc::schema {
namespace {

constexpr int kTeleChat2Vocabulary = 131'072;

}  // namespace

const std::string_view kTeleChat1Template =
    R"({%- set said = namespace(system='') -%}
{%- for turn in messages -%}
  {%- if turn.role == 'system' -%}{%- set said.system = turn.content | trim -%}{%- endif -%}
{%- endfor -%}
{{- said.system -}}
{%- for turn in messages -%}
  {%- if turn.role == 'user' -%}{{- '<_user>' + turn.content + '<_bot>' -}}
  {%- elif turn.role == 'assistant' -%}{{- turn.content + '<_end>' -}}
  {%- endif -%}
{%- endfor -%})";

const std::string_view kTeleChat2Template =
    R"({{- '<_system>' -}}
{%- if messages and messages[0].role == 'system' -%}{{- messages[0].content -}}
{%- else -%}
  {{- '你是中国电信星辰语义大模型，英文名是TeleChat，你是由中电信人工智能科技有限公司和' -}}
  {{- '中国电信人工智能研究院（TeleAI）研发的人工智能助手。' -}}
{%- endif -%}
{%- if tools -%}
  {{- '\n\n# 可用工具\n你可以调用<tools></tools>标签中的一个或多个工具来回答问题，每行是一个工具的JSON描述：' -}}
  {{- '\n<tools>\n' -}}
  {%- for tool in tools -%}{{- (tool | tojson) + '\n' -}}{%- endfor -%}
  {{- '</tools>\n\n# 调用方法\n需要调用工具时，用<tool_call></tool_call>标签给出工具名称和参数：' -}}
  {{- '\n<tool_call>\n{"name": 工具名称, "arguments": 参数}\n</tool_call>' -}}
{%- endif -%}
{{- '\n' -}}
{%- for turn in messages -%}
  {%- if turn.role == 'user' -%}{{- '<_user>' + turn.content -}}
  {%- elif turn.role == 'system' and not loop.first -%}{{- '<_system>' + turn.content + '\n' -}}
  {%- elif turn.role == 'assistant' -%}
    {{- '<_bot>' + (turn.content if turn.content else '') -}}
    {%- for item in turn.tool_calls or [] -%}
      {%- set call = item.function if item.function is defined else item -%}
      {%- if turn.content or not loop.first -%}{{- '\n' -}}{%- endif -%}
      {{- '<tool_call>\n{"name": "' + call.name + '", "arguments": ' -}}
      {{- call.arguments if call.arguments is string else (call.arguments | tojson) -}}
      {{- '}\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<_end>\n' -}}
  {%- elif turn.role == 'tool' -%}
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<_user>' -}}
    {%- else -%}{{- '\n' -}}
    {%- endif -%}
    {{- '<tool_response>\n' + turn.content + '\n</tool_response>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<_bot>' -}}{%- endif -%})";

const std::string_view kXing4Template =
    R"({{- '<_system>' -}}
{%- if messages and messages[0].role == 'system' -%}{{- messages[0].content -}}{%- endif -%}
{%- if tools -%}
  {{- '\n# Tools\n\nYou may call one or more functions to assist with the user query.' -}}
  {{- '\n\nYou are provided with function signatures within <tools></tools> XML tags:' -}}
  {{- '\n<tools>\n' -}}
  {%- for tool in tools -%}{{- (tool | tojson) + '\n' -}}{%- endfor -%}
  {{- '</tools>\n\nFor each function call, output the function name and arguments' -}}
  {{- ' within the following XML format:\n<tool_call>{function-name}' -}}
  {{- '<param_key>{param-key-1}</param_key><param_value>{param-value-1}</param_value>' -}}
  {{- '<param_key>{param-key-2}</param_key><param_value>{param-value-2}</param_value>' -}}
  {{- '...</tool_call>' -}}
{%- endif -%}
{%- for turn in messages -%}
  {%- if turn.role == 'user' -%}{{- '<_user>' + turn.content -}}
  {%- elif turn.role == 'system' and not loop.first -%}{{- '<_system>' + turn.content -}}
  {%- elif turn.role == 'assistant' -%}
    {%- set content = turn.content if turn.content else '' -%}
    {%- if '</think>' in content -%}
      {%- set content = content.split('</think>')[-1].lstrip('\n') -%}
    {%- endif -%}
    {{- '<_bot></think>' + content -}}
    {%- for item in turn.tool_calls or [] -%}
      {%- set call = item.function if item.function is defined else item -%}
      {{- '<tool_call>' + call.name -}}
      {%- for key, value in call.arguments.items() -%}
        {{- '<param_key>' + key + '</param_key><param_value>' -}}
        {{- value if value is string else (value | tojson) -}}
        {{- '</param_value>' -}}
      {%- endfor -%}
      {{- '</tool_call>' -}}
    {%- endfor -%}
    {{- '<_end>\n' -}}
  {%- elif turn.role == 'tool' -%}
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}
      {{- '<_observation>' -}}
    {%- endif -%}
    {{- '<tool_response>' + turn.content + '</tool_response>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<_bot>' -}}
  {%- if enable_thinking is defined and enable_thinking is false -%}{{- '</think>' -}}
  {%- else -%}{{- '<think>\n' -}}
  {%- endif -%}
{%- endif -%})";

std::string builtin_template(int vocabulary,
                             const std::function<bool(std::string_view text)>& has_token) {
  for (const std::string_view marker : {"<_user>", "<_bot>", "<_end>"}) {
    if (!has_token(marker)) return {};
  }
  if (has_token("<_observation>") && has_token("<think>")) return std::string(kXing4Template);
  const bool later = vocabulary == kTeleChat2Vocabulary || has_token("<tool_call>");
  if (!later) return std::string(kTeleChat1Template);
  return has_token("<think>") ? std::string() : std::string(kTeleChat2Template);
}

}  // namespace xc::schema
