# xc_module(NAME SOURCES… LINKS… [PRIVATE_LINKS…]): a static library xc_NAME of src/NAME.
# xc_test(NAME SOURCES… LINKS…): a GoogleTest program of tests beside the source.
# Both share one precompiled header for the standard library and Asio's coroutine type.
add_library(xc_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cc)
target_precompile_headers(xc_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
target_include_directories(xc_pch PRIVATE ${CMAKE_SOURCE_DIR}/src)

function(xc_module NAME)
  cmake_parse_arguments(M "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(xc_${NAME} STATIC ${M_SOURCES})
  target_include_directories(xc_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(xc_${NAME} PUBLIC ${M_LINKS} PRIVATE ${M_PRIVATE_LINKS})
  target_precompile_headers(xc_${NAME} REUSE_FROM xc_pch)
endfunction()

function(xc_test NAME)
  if(NOT XC_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(T "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${NAME} ${T_SOURCES})
  target_link_libraries(${NAME} PRIVATE ${T_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_precompile_headers(${NAME} REUSE_FROM xc_pch)
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${NAME} COMMAND ${NAME} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${NAME} PROPERTIES LABELS fast TIMEOUT 120)
endfunction()
