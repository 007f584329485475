# Everything that does not come from the distribution, by version and sha256.
# ./x reads these lines too: one `set(NAME "value")` a line.
set(XC_LLAMA_PACKAGE "llama-cpp-python==0.3.36")
set(XC_LLAMA_FILE "llama_cpp_python-0.3.36.tar.gz")
set(XC_LLAMA_SHA256 "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e")
set(XC_LLAMA_FOLDER "llama_cpp_python-0.3.36/vendor/llama.cpp")
