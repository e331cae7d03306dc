"""The prompts in Simplified Chinese."""

from vtg_core.data.wording.languages.language import Language

_STANDARD = {
    "direct": (
        "请根据视频，指出下面这句话所描述的片段的开始时间和结束时间（单位：秒）：“{query}”\n"
        "请按以下格式作答：[start_time, end_time]"
    ),
    "question": "视频中的哪一段里发生了这样的事：“{query}”？\n请以秒为单位，用 [start_time, end_time] 给出它的起止时间。",
    "task": (
        "任务：视频时间定位。\n输入：一段视频和一句话。\n输出：这句话成立的时间段，以秒为单位，写作 [start_time, end_time]。\n"
        "句子：“{query}”"
    ),
    "natural": "这段视频里有一处可以看到：“{query}”。告诉我它从第几秒到第几秒，写成这样：[start_time, end_time]。",
    "concise": "找出视频中“{query}”出现的时间（秒）。\n回答格式：[start_time, end_time]",
    "detailed": (
        "作答之前，请先看完整段视频，找到与“{query}”相符的片段，记下它开始的时刻和结束的时刻。两个时刻都从第一帧算起，以秒为单位，保留一位小数。"
        "只在方括号里写这两个数，先写较早的那个，不要写别的内容：[start_time, end_time]"
    ),
    "academic": "请对给定的未剪辑视频进行时刻定位。针对自然语言描述“{query}”，预测对应片段的时间边界，以秒为单位，格式为 [start_time, end_time]。",
    "conversational": "嗨，能帮我看看这个视频吗？我在找“{query}”的那一段。它从什么时候开始，到什么时候结束？直接告诉我秒数就行，写成 [start_time, end_time]，谢谢！",
}

_TEMPORAL_TOKENS = {
    "direct": (
        "请根据视频，用时间标记标出下面这句话所描述的片段：“{query}”\n"
        "请按以下格式作答：<|box_start|><start><end><|box_end|>"
    ),
    "question": (
        "下面这件事发生在视频的哪两个时间标记之间：“{query}”？\n"
        "请用 <|box_start|><start><end><|box_end|> 作答。"
    ),
    "task": (
        "任务：用时间标记进行视频时间定位。\n输入：一段视频和一句话。\n"
        "输出：这句话成立的时间段，写作 <|box_start|><start><end><|box_end|>。\n"
        "句子：“{query}”"
    ),
    "natural": "这段视频里有一处可以看到：“{query}”。用时间标记告诉我它从哪里到哪里，写成这样：<|box_start|><start><end><|box_end|>。",
    "concise": "找出视频中“{query}”出现的时间。\n用时间标记回答：<|box_start|><start><end><|box_end|>",
    "detailed": (
        "作答之前，请先看完整段视频，找到与“{query}”相符的片段。视频被分成长度相等的若干部分，每一部分都有自己的时间标记。"
        "选出片段开始时所在部分的标记和结束时所在部分的标记。只在框标记之间写这两个，先写较早的那个，不要写别的内容：<|box_start|><start><end><|box_end|>"
    ),
    "academic": "请对给定的未剪辑视频进行时刻定位。针对自然语言描述“{query}”，预测对应片段的时间边界，用离散的时间标记表示，格式为 <|box_start|><start><end><|box_end|>。",
    "conversational": "嗨，能帮我看看这个视频吗？我在找“{query}”的那一段。它从哪里开始，到哪里结束？直接给我时间标记就行，写成 <|box_start|><start><end><|box_end|>，谢谢！",
}

CHINESE = Language(
    code="zh",
    name="Chinese",
    own_name="中文",
    seconds=r"秒",
    temporal_tokens_word="时间标记",
    letters=r"[\u4e00-\u9fff]",
    standard=_STANDARD,
    temporal_tokens=_TEMPORAL_TOKENS,
    any_form="找出视频中“{query}”出现的时间。\n回答格式：{format}",
)
