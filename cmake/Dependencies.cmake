# System packages (installed by ./x from the distribution) and the model library that ./x built
# under .deps/ from the pinned source. Nothing is downloaded here.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CURL REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_library(XC_ARGON2 argon2 REQUIRED)
find_library(XC_SOCI_CORE soci_core REQUIRED)
find_library(XC_SOCI_SQLITE soci_sqlite3 REQUIRED)
find_library(XC_SOCI_POSTGRESQL soci_postgresql REQUIRED)
find_path(XC_SOCI_INCLUDE soci/soci.h REQUIRED)
find_library(XC_LIBPQ pq REQUIRED)
find_path(XC_LIBPQ_INCLUDE libpq-fe.h PATH_SUFFIXES postgresql REQUIRED)  # soci's header reads it
if(XC_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

add_library(xc_soci INTERFACE)
target_include_directories(xc_soci SYSTEM INTERFACE ${XC_SOCI_INCLUDE} ${XC_LIBPQ_INCLUDE})
target_link_libraries(xc_soci INTERFACE ${XC_SOCI_CORE} ${XC_SOCI_SQLITE}
  ${XC_SOCI_POSTGRESQL} ${XC_LIBPQ})

set(XC_DEPS "${CMAKE_SOURCE_DIR}/.deps" CACHE PATH "Folder that ./x filled or that was carried in")
set(XC_LLAMA_SOURCE "${XC_DEPS}/src/llama.cpp")
set(XC_LLAMA_BUILD "${XC_DEPS}/build-llama")
if(NOT EXISTS "${XC_LLAMA_BUILD}/bin/libllama.so")
  message(FATAL_ERROR "${XC_LLAMA_BUILD} has no built model library. Run ./x setup first.")
endif()
add_library(xc_llama INTERFACE)
target_include_directories(xc_llama SYSTEM INTERFACE
  ${XC_LLAMA_SOURCE}/include ${XC_LLAMA_SOURCE}/ggml/include ${XC_LLAMA_SOURCE}/common
  ${XC_LLAMA_SOURCE}/tools/mtmd ${XC_LLAMA_SOURCE}/src ${XC_LLAMA_SOURCE}/vendor)
foreach(lib llama llama-common mtmd ggml ggml-base)
  target_link_libraries(xc_llama INTERFACE ${XC_LLAMA_BUILD}/bin/lib${lib}.so)
endforeach()
