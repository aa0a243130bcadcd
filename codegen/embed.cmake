# Writes OUT: `const char SYMBOL[] = "…";` with the text of IN.
file(READ ${IN} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
# Longer than the 4095 characters that ISO C promises; gcc and clang have no limit.
file(WRITE ${OUT} "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\nextern const char ${SYMBOL}[];\nconst char ${SYMBOL}[] =\n    \"${text}\";\n")
