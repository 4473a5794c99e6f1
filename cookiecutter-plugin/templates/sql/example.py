"""A query that counts words."""

from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Task

count_words = {{ cookiecutter.__class }}Task(
    name="count_words",
    query="""
        select word, count(*) as times
        from (select unnest(string_split($text, ' ')) as word)
        group by word order by times desc, word
    """,
    inputs={"text": str},
    timeout=60,
)
