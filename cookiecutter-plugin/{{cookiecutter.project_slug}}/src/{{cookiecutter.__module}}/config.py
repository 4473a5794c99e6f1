{% include 'function/config.py' -%}
