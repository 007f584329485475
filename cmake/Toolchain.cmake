# Compilers, flags, ccache, linker.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} destroys temporaries in co_await twice and builds AMX code "
    "that crashes. Use clang 19 (apt install clang-19; cmake -DCMAKE_CXX_COMPILER=clang++-19) "
    "or GCC 13 and later. ./x does this by itself.")
endif()

option(XC_BUILD_TESTS "Build the tests" ON)
option(XC_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(XC_FUZZ "libFuzzer targets (clang)" OFF)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# One flavour of code everywhere: executables and the plug-in share one precompiled header.
add_compile_options(-fPIC)
# Coroutine frames that Asio keeps for each thread (two unless said); the same in every file.
add_compile_definitions(BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

find_program(XC_CCACHE ccache)
if(XC_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${XC_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${XC_CCACHE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # lets ccache share precompiled headers between trees
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  find_program(XC_LLD NAMES ld.lld-19 ld.lld)
  if(XC_LLD)
    add_link_options(--ld-path=${XC_LLD})
  endif()
endif()
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>
                    $<$<COMPILE_LANGUAGE:CXX>:-Werror=return-type>)
if(XC_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(XC_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
