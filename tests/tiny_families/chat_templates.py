"""Chat templates in the form of each family, written by us: its markers, and where its newlines stand.

Each writes a video as the one placeholder that its processor expands. ``content`` may be a text or a list of parts.
"""


def _writer(video, *, text="{{- part.text -}}", media=""):
    """A macro ``write`` that writes a message's parts in their order."""
    return f"""
{{%- macro write(content) -%}}
  {{%- if content is string -%}}{{{{- content -}}}}
  {{%- else -%}}
    {{%- for part in content -%}}
      {{%- if part.type == 'video' -%}}{{{{- '{video}' -}}}}{media}
      {{%- elif part.type == 'text' -%}}{text}{{%- endif -%}}
    {{%- endfor -%}}
  {{%- endif -%}}
{{%- endmacro -%}}"""


_SHOWN = "<|vision_start|><|video_pad|><|vision_end|>"
_OPENED = "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
_CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + write(message.content) + '<|im_end|>\\n' -}}"
    "{%- endfor -%}" + _OPENED
)
_DEFAULT_SYSTEM = (
    "{%- if messages[0].role != 'system' -%}"
    "{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' -}}{%- endif -%}"
)

QWEN2_VL = _writer(_SHOWN) + _DEFAULT_SYSTEM + _CHATML
QWEN2_5_OMNI = _writer("<|vision_bos|><|VIDEO|><|vision_eos|>") + _DEFAULT_SYSTEM + _CHATML
QWEN3_VL = _writer(_SHOWN) + _CHATML
INTERNVL = _writer("<video>\\n") + _CHATML
VIDEO_LLAMA_3 = _writer("<|video_pad|>\\n") + _CHATML

QWEN3_5 = (
    _writer(_SHOWN)
    + """
{%- set ns = namespace(last=-1) -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\\n' -}}
  {%- set said = write(message.content) -%}
  {%- set thought = message.reasoning_content or '' -%}
  {%- if message.role == 'assistant' and '</think>' in said -%}
    {%- set thought = said.split('</think>')[0].split('<think>')[-1].strip('\\n') -%}
    {%- set said = said.split('</think>')[-1].lstrip('\\n') -%}
  {%- endif -%}
  {%- if message.role == 'assistant' and loop.index0 > ns.last -%}
    {{- '<think>\\n' + thought + '\\n</think>\\n\\n' -}}
  {%- endif -%}
  {{- said + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\\n' -}}
  {%- if THINKS_UNLESS_TOLD -%}{{- '<think>\\n' -}}
  {%- else -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}
{%- endif -%}"""
)
"""What was thought stands before the last answer only; the prompt opens it, or closes it at once."""

QWEN3_5_THINKING = QWEN3_5.replace(
    "THINKS_UNLESS_TOLD", "enable_thinking is not defined or enable_thinking is true"
)
QWEN3_5_WITHOUT = QWEN3_5.replace(
    "THINKS_UNLESS_TOLD", "enable_thinking is defined and enable_thinking is true"
)

LLAVA_ONEVISION = """
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + ' ' -}}
  {%- if message.content is string -%}{{- '\\n' + message.content -}}
  {%- else -%}
    {%- for part in message.content if part.type == 'video' -%}{{- '<video>' -}}{%- endfor -%}
    {%- for part in message.content if part.type == 'text' -%}{{- '\\n' + part.text -}}{%- endfor -%}
  {%- endif -%}
  {{- '<|im_end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"""
"""It writes a space before the newline of each header, and its prompt for an answer has none."""

SMOLVLM = (
    _writer("<video>")
    + "{{- '<|im_start|>' -}}"
    + """
{%- for message in messages -%}
  {{- (message.role | capitalize) + ': ' + write(message.content) + '<end_of_utterance>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"""
)
"""The prompt ends with the colon, and the space after it is the first thing that is answered."""

GEMMA4 = (
    _writer("\\n\\n<|video|>\\n\\n", text="{{- part.text | trim -}}")
    + """
{{- bos_token -}}
{%- for message in messages -%}
  {{- '<|turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' -}}
  {{- (write(message.content) | trim) + '<turn|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}{%- endif -%}"""
)

PERCEPTION_LM = (
    _writer("<|video|>")
    + """
{{- bos_token -}}
{%- for message in messages -%}
  {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + write(message.content) + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}"""
)

GLM4_5V = (
    _writer("<|begin_of_video|><|video|><|end_of_video|>")
    + """
{{- '[gMASK]<sop>' -}}
{%- set quiet = enable_thinking is defined and not enable_thinking -%}
{%- for message in messages -%}
  {{- '<|' + message.role + '|>\\n' -}}
  {%- if message.role == 'assistant' -%}
    {{- '<think>' + (message.reasoning_content or '') + '</think>\\n' + (write(message.content) | trim) -}}
  {%- else -%}{{- write(message.content) -}}
    {%- if quiet and message.role == 'user' -%}{{- '/nothink' -}}{%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|assistant|>' -}}{%- if quiet -%}{{- '\\n<think></think>' -}}{%- endif -%}
{%- endif -%}"""
)
"""No turn has an end of its own: the next one's opening ends it."""

VICUNA = """
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- (message.content if message.content is string else message.content[0].text) + ' ' -}}
  {%- else -%}
    {{- message.role | upper + ': ' -}}
    {%- if message.content is string -%}{{- message.content -}}
    {%- else -%}
      {%- for part in message.content if part.type == 'video' -%}{{- '<video>\\n' -}}{%- endfor -%}
      {%- for part in message.content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}
    {%- endif -%}
    {{- '</s>' if message.role == 'assistant' and not loop.last else '' if loop.last else ' ' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- ('' if messages[-1].role == 'assistant' else ' ') + 'ASSISTANT:' -}}{%- endif -%}"""
"""Roles are words, and the last answer has no end; the space after ``ASSISTANT:`` is the first thing that is answered."""

MOLMO2 = _writer("<|video|>") + "{{- bos_token -}}" + _CHATML
"""It opens with the start token that its processor puts there, as the newest checkpoints do."""

ERNIE4_5_VL = (
    _writer("Video 1:<|VIDEO_START|><|VIDEO_PLACEHOLDER|><|VIDEO_END|>\\n")
    + """
{{- bos_token -}}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}{{- write(message.content) + '\\n' -}}
  {%- elif message.role == 'user' -%}{{- 'User: ' + write(message.content) + '\\n' -}}
  {%- else -%}{{- 'Assistant: ' + write(message.content) + '<|end_of_sentence|>' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'Assistant: ' -}}{%- endif -%}"""
)
