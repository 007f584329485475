# Included by the model library's own build (CMAKE_PROJECT_INCLUDE): adds Xingcha's kernels to each of
# ggml's CPU variants, compiled with that variant's flags. The library's source stays as it came.
# XC_ROOT: this repository.
if(NOT PROJECT_NAME STREQUAL "llama.cpp")
  return()
endif()

function(xc_add_kernels folder)
  get_directory_property(children DIRECTORY "${folder}" SUBDIRECTORIES)
  foreach(child IN LISTS children)
    xc_add_kernels("${child}")
  endforeach()
  get_directory_property(targets DIRECTORY "${folder}" BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    if(target MATCHES "^ggml-cpu-[a-z0-9_]+$" AND NOT target MATCHES "-feats$")
      set(kernels "${XC_ROOT}/src/engine/llama/kernels")
      target_sources(${target} PRIVATE
        "${kernels}/attention.cc" "${kernels}/attention_few.cc" "${kernels}/attention_wrap.cc"
        "${kernels}/min_gemm.cc" "${kernels}/sgemm_wrap.cc")
      target_include_directories(${target} PRIVATE "${XC_ROOT}/src")
      target_link_options(${target} PRIVATE
        "-Wl,--wrap=llamafile_sgemm" "-Wl,--wrap=ggml_compute_forward_flash_attn_ext")
    endif()
  endforeach()
endfunction()

cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL xc_add_kernels "${CMAKE_SOURCE_DIR}")
