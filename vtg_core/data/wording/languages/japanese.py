"""The prompts in Japanese."""

from vtg_core.data.wording.languages.language import Language

_STANDARD = {
    "direct": (
        "動画を見て、次の文が表す場面の開始時刻と終了時刻を秒単位で答えてください：「{query}」\n"
        "次の形式で答えてください：[start_time, end_time]"
    ),
    "question": (
        "この動画のどの部分で次のことが起きていますか：「{query}」\n"
        "最初と最後の時刻を秒で、[start_time, end_time] の形で答えてください。"
    ),
    "task": (
        "タスク：動画内の時間区間の特定\n入力：動画と一つの文\n出力：その文が成り立つ区間（秒）を [start_time, end_time] と書く\n"
        "文：「{query}」"
    ),
    "natural": "この動画のどこかに「{query}」という場面があります。何秒から何秒までかを、[start_time, end_time] のように教えてください。",
    "concise": "動画の中で「{query}」が起きるのはいつですか（秒）。\n回答形式：[start_time, end_time]",
    "detailed": (
        "答える前に動画を最後まで見てください。「{query}」に当てはまる場面を探し、それが始まる時刻と終わる時刻を確かめてください。"
        "どちらも最初のフレームから数えた秒数で、小数第1位まで示します。角括弧の中にこの二つの数だけを、早いほうを先にして書いてください：[start_time, end_time]"
    ),
    "academic": "与えられた未編集の動画に対してモーメント検索を行う。自然言語による記述「{query}」に対応する区間の時間境界を秒単位で予測し、[start_time, end_time] の形式で出力せよ。",
    "conversational": (
        "ねえ、この動画のことで手伝ってくれる？「{query}」のところを探してるんだけど、いつ始まっていつ終わる？"
        "秒で [start_time, end_time] って書いてくれればいいよ。よろしくね！"
    ),
}

_TEMPORAL_TOKENS = {
    "direct": (
        "動画を見て、次の文が表す場面を時間トークンで示してください：「{query}」\n"
        "次の形式で答えてください：<|box_start|><start><end><|box_end|>"
    ),
    "question": (
        "この動画のどの二つの時間トークンの間で次のことが起きていますか：「{query}」\n"
        "<|box_start|><start><end><|box_end|> の形で答えてください。"
    ),
    "task": (
        "タスク：時間トークンによる動画内の時間区間の特定\n入力：動画と一つの文\n"
        "出力：その文が成り立つ区間を <|box_start|><start><end><|box_end|> と書く\n"
        "文：「{query}」"
    ),
    "natural": "この動画のどこかに「{query}」という場面があります。どこからどこまでかを、時間トークンで <|box_start|><start><end><|box_end|> のように教えてください。",
    "concise": "動画の中で「{query}」が起きるのはいつですか。\n時間トークンで回答：<|box_start|><start><end><|box_end|>",
    "detailed": (
        "答える前に動画を最後まで見てください。「{query}」に当てはまる場面を探してください。動画は等しい長さの部分に分けられ、それぞれに時間トークンがあります。"
        "場面が始まる部分のトークンと、終わる部分のトークンを選びます。ボックスの印の間にこの二つだけを、早いほうを先にして書いてください：<|box_start|><start><end><|box_end|>"
    ),
    "academic": "与えられた未編集の動画に対してモーメント検索を行う。自然言語による記述「{query}」に対応する区間の時間境界を離散的な時間トークンとして予測し、<|box_start|><start><end><|box_end|> の形式で出力せよ。",
    "conversational": (
        "ねえ、この動画のことで手伝ってくれる？「{query}」のところを探してるんだけど、どこから始まってどこで終わる？"
        "時間トークンで <|box_start|><start><end><|box_end|> って書いてくれればいいよ。よろしくね！"
    ),
}

JAPANESE = Language(
    code="ja",
    name="Japanese",
    own_name="日本語",
    seconds=r"秒",
    temporal_tokens_word="時間トークン",
    letters=r"[\u3040-\u30ff\u4e00-\u9fff]",
    needed=r"[\u3040-\u30ff]",
    standard=_STANDARD,
    temporal_tokens=_TEMPORAL_TOKENS,
    any_form="動画の中で「{query}」が起きるのはいつですか。\n回答形式：{format}",
)
